// Opens with a hashbang, to see where its first line is.
// must: refuse with /SyntaxError/
// whole
#!/usr/bin/env node
({main: () => 'ran'})
