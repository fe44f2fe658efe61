// Returns objects whose tags lie about what they are.
// must: result [{"a": 1}, {"b": 2}, {"c": 3}, {"d": 4}]
() => {
  const lie = (tag, fields) => Object.assign(Object.create({ [Symbol.toStringTag]: tag }), fields);
  return [lie('Date', { a: 1 }), lie('Map', { b: 2 }), lie('DataView', { c: 3 }), lie('Number', { d: 4 })];
}
