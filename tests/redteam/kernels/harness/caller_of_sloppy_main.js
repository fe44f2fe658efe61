// Has a sloppy main, which walks up its callers and calls what it finds there with an answer of its own.
// must: result "nobody"
// whole
({
  main: Function('dataset', `
    var caller = arguments.callee.caller;
    if (caller) { try { caller('FORGED', 0); } catch (error) {} return 'caught ' + caller.arguments.length; }
    return dataset.honest === undefined ? 'nobody' : dataset.honest;`),
})
