// Keeps the collector busy with objects that register themselves anew when they are collected.
// must: fail with /TimeoutError/
() => {
  const registry = new FinalizationRegistry(() => again());
  const again = () => { for (let i = 0; i < 1000; i += 1) registry.register({ i }, i); };
  for (;;) again();
}
