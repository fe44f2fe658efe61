// Keeps a database.
// must: leak nothing
() => new Promise((resolve, reject) => {
  const opening = indexedDB.open('%TOKEN%', 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore('%TOKEN%').put('%TOKEN%', '%TOKEN%');
  opening.onsuccess = () => { opening.result.close(); resolve('stored'); };
  opening.onerror = () => reject(opening.error);
})
