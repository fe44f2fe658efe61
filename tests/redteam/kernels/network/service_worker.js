// Registers a service worker on the compute origin.
// must: leak nothing
async () => {
  await navigator.serviceWorker.register('%SITE%/static/dist/embed.js?%TOKEN%');
  return 'registered';
}
