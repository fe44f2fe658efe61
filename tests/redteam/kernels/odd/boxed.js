// Returns numbers, texts, truths and BigInts in objects.
// must: result [1, "text", false, 5]
() => [new Number(1), new String('text'), new Boolean(false), Object(5n)]
