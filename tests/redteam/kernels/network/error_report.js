// Puts another site's address where error reports go: uncaught errors, rejections, violated policies.
// must: leak nothing
() => {
  Promise.reject(new Error('%HTTP%/rejected'));
  new ReportingObserver(() => fetch('%HTTP%/observed')).observe();
  return 'reported';
}
