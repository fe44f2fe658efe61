// Throws an error that holds others.
// must: fail with /AggregateError: both/
() => { throw new AggregateError([new Error('one'), new Error('two')], 'both', { cause: new Error('why') }); }
