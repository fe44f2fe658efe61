// Prints, reports and throws from getters while its result is being written, to have the harness write two things at once.
// must: result {"a": [1, "text"], "b": {"c": 2}}
() => ({
  get a() { console.log({ printed: [1, 2, 3] }); report({ progress: 0.5, note: 'half' }); return [1, 'text']; },
  get b() { try { console.error(new Proxy({}, { get() { throw new Error('odd'); } })); } catch { /* its own */ } return { c: 2 }; },
})
