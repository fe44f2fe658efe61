// Returns from its source, out of whatever is around it.
// must: refuse with /SyntaxError/
// whole
return {main: () => 'returned'};
