/* How long answers took, to a hundredth of a millisecond. */
#ifndef LATENCIES_H
#define LATENCIES_H

#include <stdint.h>

enum { LATENCY_BUCKETS = 2000000, LATENCY_BUCKET_NS = 10000 };

struct latencies {
    uint32_t *buckets; /* the last one holds everything of 20 s and more */
    uint64_t count, longest_ns;
};

void open_latencies(struct latencies *latencies);
void add_latency(struct latencies *latencies, uint64_t ns);

/* Return the time in ms within which a share (0 to 1) of the answers came; 0 when there are none. */
double find_latency_ms(const struct latencies *latencies, double share);

#endif
