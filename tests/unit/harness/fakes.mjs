// A clock that a test turns by hand, a socket that a test answers, and a frame whose workers a test plays.

/** A clock that stands still until `pass` is called. */
export class FakeClock {
  constructor() {
    this.time = 0;
    this.timers = new Set();
  }

  now = () => this.time;

  after = (ms, act) => {
    const timer = { at: this.time + ms, act };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  };

  /** Let time pass; what falls due happens in order. */
  pass(ms) {
    const end = this.time + ms;
    for (;;) {
      const [next] = [...this.timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.timers.delete(next);
      this.time = Math.max(this.time, next.at);
      next.act();
    }
    this.time = end;
  }
}

/** A WebSocket whose other end is the test. */
export class FakeSocket {
  constructor() {
    this.readyState = 0;
    this.sent = [];
  }

  accept() {
    this.readyState = 1;
    this.onopen();
  }

  send(data) {
    if (this.readyState !== 1) throw new Error('the socket is not open');
    this.sent.push(data);
  }

  receive(data) {
    this.onmessage?.({ data: typeof data === 'string' ? data : data.buffer });
  }

  close(code) {
    this.closedWith = code ?? null;
    this.readyState = 2;
  }

  fall(code, reason = '') {
    this.readyState = 3;
    this.onclose?.({ code, reason });
  }
}

/** A frame whose workers record what they are told; the test says what they answer. */
export class FakeFrame {
  constructor() {
    this.spawned = [];
  }

  get alive() {
    return this.spawned.filter(({ killed }) => !killed);
  }

  spawnWorker(onFailed) {
    const worker = { told: [], killed: false, crash: onFailed };
    worker.port = { postMessage: (message) => worker.told.push(message), close() {}, onmessage: null };
    worker.say = (...message) => worker.port.onmessage?.({ data: message });
    this.spawned.push(worker);
    return { port: worker.port, kill: () => { worker.killed = true; } };
  }
}
