// Closes the block in which a program is parsed, to leave its function.
// must: refuse with /SyntaxError|ReferenceError/
// whole
}); say(['loaded']); (() => {({main: () => 'evil'});
