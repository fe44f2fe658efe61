/* The msgpack of the batched dialect (docs/protocol.md), no more of it than a client needs. No I/O. */
#ifndef BATCHES_H
#define BATCHES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Read a server batch [[lease, dataset-bytes], ...] and write its lease numbers, at most `room` of them.
 * Returns how many there are, or -1 when it is no such batch. */
ssize_t read_batch(const uint8_t *bytes, size_t length, uint64_t *leases, size_t room);

/* Write the client batch [want, [[lease, RESULT, ms, result], ...]] and return its bytes: at most
 * BATCH_OVERHEAD + count * (ANSWER_OVERHEAD + result_length). */
size_t write_batch(
    uint8_t *out, uint32_t want, const uint64_t *leases, size_t count, uint32_t ms, const uint8_t *result,
    size_t result_length);

/* Write a result: one msgpack binary value that takes `length` bytes in all, at least 5. */
void write_result(uint8_t *out, size_t length);

enum { BATCH_OVERHEAD = 16, ANSWER_OVERHEAD = 24 };

#endif
