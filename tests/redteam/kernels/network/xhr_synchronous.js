// Asks with a synchronous XMLHttpRequest, which needs no event loop.
// must: leak nothing
() => {
  const request = new XMLHttpRequest();
  request.open('GET', '%HTTP%/synchronous', false);
  request.send();
  return request.responseText;
}
