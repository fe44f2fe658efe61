#include "thoughts.h"

#include "fail.h"

#include <stdlib.h>

void open_thoughts(struct thoughts *thoughts, int connections)
{
    *thoughts = (struct thoughts){.ring = calloc(connections, sizeof(struct thought)), .room = connections};
    if (thoughts->ring == NULL)
        fail("no memory for %d connections", connections);
}

void add_thought(struct thoughts *thoughts, int connection, uint64_t due_ns)
{
    if (thoughts->count == thoughts->room)
        fail("more thoughts than connections");
    int last = (thoughts->first + thoughts->count++) % thoughts->room;
    thoughts->ring[last] = (struct thought){connection, due_ns};
}

int take_thought(struct thoughts *thoughts, uint64_t now_ns)
{
    if (thoughts->count == 0 || thoughts->ring[thoughts->first].due_ns > now_ns)
        return -1;
    int connection = thoughts->ring[thoughts->first].connection;
    thoughts->first = (thoughts->first + 1) % thoughts->room;
    thoughts->count--;
    return connection;
}

uint64_t time_to_thought(const struct thoughts *thoughts, uint64_t now_ns, uint64_t limit_ns)
{
    if (thoughts->count == 0 || thoughts->ring[thoughts->first].due_ns > now_ns + limit_ns)
        return limit_ns;
    uint64_t due_ns = thoughts->ring[thoughts->first].due_ns;
    return due_ns > now_ns ? due_ns - now_ns : 0;
}
