// Returns dates: one far away, one before year 0, one that is none.
// must: result ["1970-01-01T00:00:00.000Z", "+275760-09-13T00:00:00.000Z", "-000001-01-01T00:00:00.000Z", null]
() => [new Date(0), new Date(8.64e15), new Date('-000001-01-01T00:00:00Z'), new Date(NaN)]
