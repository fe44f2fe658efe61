// Asks for what only a function around it would have: new.target, super, arguments.
// must: refuse with /SyntaxError|ReferenceError/
// whole
({main: () => 1, from: new.target})
