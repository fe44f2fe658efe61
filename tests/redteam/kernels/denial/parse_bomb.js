// Has the engine parse source that is nested a million levels deep.
// must: end with /RangeError|InternalError|SyntaxError|TimeoutError/
() => eval(`${'('.repeat(1e6)}1${')'.repeat(1e6)}`)
