// Imports JSON, which has a policy directive of its own in some engines.
// must: fail with /.+/
async () => Object.keys(await import('%HTTP%/data.json', { with: { type: 'json' } }))
