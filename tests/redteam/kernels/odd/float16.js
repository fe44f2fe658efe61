// Returns half precision floats, where the engine has them.
// must: result [0.5]
() => (typeof Float16Array === 'undefined' ? [0.5] : new Float16Array([0.5]))
