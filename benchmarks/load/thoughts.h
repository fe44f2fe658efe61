/* Connections that think before they answer, in the order of their time. All think equally long: a queue is enough. */
#ifndef THOUGHTS_H
#define THOUGHTS_H

#include <stdint.h>

struct thought {
    int connection;
    uint64_t due_ns;
};

struct thoughts {
    struct thought *ring;
    int room, first, count;
};

/* A connection has one thought at most, so there is room for one of each. */
void open_thoughts(struct thoughts *thoughts, int connections);
void add_thought(struct thoughts *thoughts, int connection, uint64_t due_ns);

/* Return the connection whose time has come first, or -1. */
int take_thought(struct thoughts *thoughts, uint64_t now_ns);

/* Return the ns until the next one is due, or a limit when that is less. */
uint64_t time_to_thought(const struct thoughts *thoughts, uint64_t now_ns, uint64_t limit_ns);

#endif
