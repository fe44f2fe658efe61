// Asks with XMLHttpRequest.
// must: leak nothing
() => new Promise((resolve, reject) => {
  const request = new XMLHttpRequest();
  request.onload = () => resolve(request.status);
  request.onerror = () => reject(new Error('no answer'));
  request.open('GET', '%HTTP%/xhr');
  request.send();
})
