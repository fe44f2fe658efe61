// Doubles a string until the engine has enough of it.
// must: fail with /RangeError|InternalError/
() => { let text = 'x'; for (;;) text += text; }
