// Resolves its promise twice, and rejects it afterwards.
// must: result "first"
() => new Promise((resolve, reject) => { resolve('first'); resolve('second'); reject(new Error('third')); })
