// Asks for storage that stays, and how much there is: a way to tell visitors apart.
// must: fail with /.+/
async () => [await navigator.storage.persist(), await navigator.storage.estimate()]
