// Makes an address for a blob, which other documents of the origin could open.
// must: fail with /.+/
() => URL.createObjectURL(new Blob(['%TOKEN%']))
