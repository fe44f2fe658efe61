// Loads an image with an element.
// must: leak nothing
() => new Promise((resolve) => {
  const image = new Image();
  image.onload = image.onerror = () => resolve('asked');
  image.src = '%HTTP%/image.png';
})
