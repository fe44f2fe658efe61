// Opens a comment that swallows what comes after its source.
// must: refuse with /SyntaxError/
// whole
({main: () => 'evil'}) /*
