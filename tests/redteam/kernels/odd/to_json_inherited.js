// Returns an object of a class with toJSON, which is not asked.
// must: result {"a": 1}
() => new (class Shy { constructor() { this.a = 1; } toJSON() { return 'other'; } valueOf() { return 5; } })()
