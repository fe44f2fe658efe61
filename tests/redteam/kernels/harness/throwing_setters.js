// Throws something whose name, message and stack are getters that throw or give objects.
// must: fail with /.*/
() => {
  throw {
    get name() { throw new Error('name'); },
    get message() { return { toString() { throw new Error('message'); } }; },
    get stack() { return Symbol('stack'); },
  };
}
