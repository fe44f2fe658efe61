// Uses HTML comments, which sloppy scripts know: they hide the line's rest.
// must: result 1
// whole
(function () {
  let marks = 1;
  <!-- marks = 2;
  return {main: (dataset) => dataset.honest ?? marks};
--> marks = 3;
})()
