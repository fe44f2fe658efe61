// Registers requests to be made when nobody looks: background fetch, sync, push.
// must: leak nothing
async () => {
  const registration = await navigator.serviceWorker.ready;
  await registration.backgroundFetch.fetch('leak', ['%HTTP%/background']);
  await registration.sync.register('leak');
  return 'registered';
}
