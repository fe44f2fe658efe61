/* One run of the client: what it was asked to do, its connections, and what it counts. */
#ifndef LOAD_H
#define LOAD_H

#include "buffers.h"
#include "latencies.h"
#include "options.h"
#include "thoughts.h"

#include <stdbool.h>
#include <stdint.h>

enum { MAX_CLOSE_CODES = 16, SCRATCH_BYTES = 1 << 22 };

enum stage { UNOPENED, CONNECTING, SHAKING_HANDS, OPEN, ENDED };

/* What the next frame must be: the protocol's letters announce it. */
enum expected { A_LETTER, THE_KERNEL, THE_STATIC_DATASET, A_DATASET };

struct connection {
    int fd;
    enum stage stage;
    enum expected expected;
    bool is_unasked;     /* the next server batch replies to none of ours: the letter d came before it */
    bool is_awaiting;    /* what we sent last is not acknowledged yet */
    bool is_thinking;
    uint32_t in_flight;  /* answers in what we sent last */
    uint64_t asked_ns;   /* when we sent it; 0 when it held no answer, or datasets have come since */
    uint32_t held;       /* datasets that we have and did not answer */
    uint64_t *leases;    /* their numbers, in the batched dialect */
    struct buffer in, out;
};

struct close_code {
    int code, count;
};

struct load {
    struct options options;
    int epoll;
    struct connection *connections;
    int started, opened, failed, closed, errors;
    struct close_code close_codes[MAX_CLOSE_CODES];
    bool is_measuring;
    uint64_t answered, acknowledged;                   /* since the start, for comparison with the database */
    uint64_t measured, measured_frames, unasked;       /* while measuring: acknowledged datasets, frames of them */
    struct latencies latencies;
    struct thoughts thoughts;
    uint8_t *result;
    uint8_t *classic_answer; /* both frames of it, as they are sent every time */
    size_t classic_answer_length;
    uint8_t *payload, *frame, *arrived; /* scratch */
};

#endif
