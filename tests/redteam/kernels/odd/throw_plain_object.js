// Throws an object that is no error.
// must: fail with /Mine: of my own/
() => { throw { name: 'Mine', message: 'of my own' }; }
