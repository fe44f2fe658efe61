// Returns arrays, maps and sets that contain each other.
// must: fail with /RangeError: the result is nested deeper than 64 levels/
() => { const list = []; list.push(new Map([['set', new Set([list])]])); return list; }
