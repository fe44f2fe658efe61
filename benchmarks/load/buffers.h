/* Bytes that wait: what arrived of an unfinished frame, what the socket does not take yet. */
#ifndef BUFFERS_H
#define BUFFERS_H

#include <stddef.h>
#include <stdint.h>

struct buffer {
    uint8_t *bytes;
    size_t length, room;
};

void add_bytes(struct buffer *buffer, const uint8_t *bytes, size_t length);

/* Take bytes away from the beginning; an empty buffer takes no memory, for the sake of ten thousand idle ones. */
void drop_bytes(struct buffer *buffer, size_t length);
void close_buffer(struct buffer *buffer);

#endif
