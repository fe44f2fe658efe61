// Returns an object that contains itself.
// must: fail with /RangeError: the result is nested deeper than 64 levels \(does it contain itself\?\)/
() => { const circle = { name: 'circle' }; circle.itself = circle; return circle; }
