// Begins with an import declaration.
// must: refuse with /SyntaxError/
// whole
import leaked from '%HTTP%/static.js';
({main: () => leaked})
