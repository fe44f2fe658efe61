// Writes a cookie.
// must: leak nothing
() => { document.cookie = '%TOKEN%=1; max-age=10000'; return document.cookie; }
