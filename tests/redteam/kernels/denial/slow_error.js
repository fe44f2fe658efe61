// Throws an error whose message never comes.
// must: fail with /TimeoutError/
() => { throw { get message() { for (;;); } }; }
