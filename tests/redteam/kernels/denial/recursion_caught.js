// Calls itself without end and catches the error each time, so that the stack is always full.
// must: fail with /TimeoutError|RangeError|InternalError/
() => { const deeper = () => { try { deeper(); } finally { deeper(); } }; deeper(); return 'back'; }
