// Keeps the dataset object of an earlier call and changes it when later ones come.
// must: result "kept"
// whole
(function () {
  const kept = [];
  return {main(dataset) {
    const answer = dataset.honest ?? 'kept';
    for (const old of kept) old.honest = 'forged';
    kept.push(dataset);
    return answer;
  }};
})()
