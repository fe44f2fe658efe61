// Every name that crosses a boundary: the volunteers' socket, and the ports between the embed page, the inner frame
// and the workers. One plain constant a line, so that a test can read this file and hold it against the server's.

// The socket: text frames, one letter each. What follows the letter is named beside it.
export const PROTOCOL_VERSION = 2;
export const ANY_CAMPAIGN = -1;
export const HELLO = 'i'; // client: the campaign's number, a space, JSON
export const CAMPAIGN = 'c'; // server: JSON
export const KERNEL = 'k'; // server: the next text frame is the kernel
export const STATIC_DATASET = 's'; // server: the next text frame is the static dataset
export const DATASET = 'd'; // server: the next binary frame is a batch that nobody asked for just now
export const WAIT = 'w'; // server: nothing to hand out now
export const CHANGED = 'u'; // server: a new campaign follows on this connection
export const LOAD_FAILED = 'x'; // client: JSON, the kernel did not load
export const PROGRESS = 'p'; // client: JSON, what the kernel reports
export const LEAVING = 'b'; // client: frees everything

// The socket: kinds of an answer in a client batch.
export const KIND_NOTHING = 0;
export const KIND_RESULT = 1;
export const KIND_ERROR = 2;
export const KIND_GIVEN_BACK = 3;

// The socket: close codes.
export const CLOSE_DONE = 1000;
export const CLOSE_GOING_AWAY = 1001;
export const CLOSE_BROKEN_PROTOCOL = 1002;
export const CLOSE_NO_STATUS = 1005; // the browser's: closed without a code
export const CLOSE_LOST = 1006; // the browser's: the connection broke
export const CLOSE_REFUSED = 1008;
export const CLOSE_TOO_BIG = 1009;
export const CLOSE_SERVER_ERROR = 1011;
export const CLOSE_RESTARTING = 1012;
export const CLOSE_TRY_LATER = 1013;
export const CLOSE_NO_SUCH_CAMPAIGN = 4404;
export const CLOSE_NOT_RUNNING = 4409;

// Embed page to inner frame. FRAME_OPEN is the one window message; the rest goes over the port that it carries.
export const FRAME_OPEN = 'manyhands-open';
export const FRAME_SPAWN_WORKER = 'spawn-worker'; // [name, id] and the worker's port
export const FRAME_SPAWN_TIMER = 'spawn-timer'; // [name] and the timer's port
export const FRAME_KILL = 'kill'; // [name, id]

// Inner frame to embed page.
export const FRAME_READY = 'ready'; // [name]
export const FRAME_WORKER_FAILED = 'worker-failed'; // [name, id, text]

// Embed page to worker.
export const WORKER_LOAD = 'load'; // [name, kernel, static dataset, sloppy, largest result in bytes]
export const WORKER_COMPUTE = 'compute'; // [name, [dataset bytes, …]]

// Worker to embed page.
export const WORKER_UP = 'up'; // [name]
export const WORKER_LOADED = 'loaded'; // [name]
export const WORKER_LOAD_FAILED = 'load-failed'; // [name, error bytes]
export const WORKER_ANSWERS = 'answers'; // [name, [kind, ms, payload or null, kind, ms, …]]
export const WORKER_LINE = 'line'; // [name, level, text]
export const WORKER_REPORT = 'report'; // [name, progress or null, note or null]

// Embed page to timer worker, and back with the id alone.
export const TIMER_SET = 'set'; // [name, id, ms]

// Limits that both ends know.
export const MAX_DEPTH = 64;
export const MAX_ERROR_NAME = 100;
export const MAX_ERROR_MESSAGE = 2000;
export const MAX_ERROR_STACK = 8000;
export const MAX_DEVICE = 100;
export const MAX_THREADS = 256;
export const MAX_LINE = 1000;
export const MAX_LINES_PER_SECOND = 20;
export const MAX_REPORTS_PER_SECOND = 4;
