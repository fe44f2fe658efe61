#include "latencies.h"

#include "fail.h"

#include <stdlib.h>

void open_latencies(struct latencies *latencies)
{
    *latencies = (struct latencies){.buckets = calloc(LATENCY_BUCKETS, sizeof(uint32_t))};
    if (latencies->buckets == NULL)
        fail("no memory for the latencies");
}

void add_latency(struct latencies *latencies, uint64_t ns)
{
    uint64_t bucket = ns / LATENCY_BUCKET_NS;
    latencies->buckets[bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1]++;
    latencies->count++;
    if (ns > latencies->longest_ns)
        latencies->longest_ns = ns;
}

double find_latency_ms(const struct latencies *latencies, double share)
{
    uint64_t wanted = share * latencies->count, seen = 0;
    double longest_ms = latencies->longest_ns / 1e6;
    for (int i = 0; i < LATENCY_BUCKETS && latencies->count; i++) {
        seen += latencies->buckets[i];
        if (seen > wanted || seen == latencies->count) {
            double end_ms = (i + 1) * (LATENCY_BUCKET_NS / 1e6);
            return end_ms < longest_ms && i < LATENCY_BUCKETS - 1 ? end_ms : longest_ms;
        }
    }
    return 0;
}
