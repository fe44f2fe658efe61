// Talks to other tabs of the origin: here, to a second channel of its own.
// must: fail with /.+/
() => new Promise((resolve) => {
  const [mouth, ear] = [new BroadcastChannel('%TOKEN%'), new BroadcastChannel('%TOKEN%')];
  ear.onmessage = ({ data }) => resolve(`heard ${data}`);
  mouth.postMessage('%TOKEN%');
})
