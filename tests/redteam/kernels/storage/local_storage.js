// Writes to local and session storage.
// must: leak nothing
() => {
  (self.localStorage ?? self.sessionStorage).setItem('%TOKEN%', '%TOKEN%');
  return 'stored';
}
