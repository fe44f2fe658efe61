// Makes elements that load something: links, scripts, images, frames.
// must: leak nothing
() => {
  for (const [name, key] of [['link', 'href'], ['script', 'src'], ['img', 'src'], ['iframe', 'src']]) {
    const element = document.createElement(name);
    Object.assign(element, { rel: 'preload', as: 'script', [key]: `%HTTP%/${name}` });
    document.documentElement.append(element);
  }
  return 'made';
}
