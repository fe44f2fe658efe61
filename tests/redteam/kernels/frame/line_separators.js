// Uses every line terminator that JavaScript knows, to end a comment where nobody sees it.
// must: result "visible"
() => Function('// hidden\u2028return "visible"')()
