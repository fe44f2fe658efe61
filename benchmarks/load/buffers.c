#include "buffers.h"

#include "fail.h"

#include <stdlib.h>
#include <string.h>

void add_bytes(struct buffer *buffer, const uint8_t *bytes, size_t length)
{
    if (buffer->length + length > buffer->room) {
        buffer->room = 2 * (buffer->length + length);
        buffer->bytes = realloc(buffer->bytes, buffer->room);
        if (buffer->bytes == NULL)
            fail("no memory for %zu bytes", buffer->room);
    }
    memcpy(buffer->bytes + buffer->length, bytes, length);
    buffer->length += length;
}

void drop_bytes(struct buffer *buffer, size_t length)
{
    buffer->length -= length;
    if (buffer->length)
        memmove(buffer->bytes, buffer->bytes + length, buffer->length);
    else
        close_buffer(buffer);
}

void close_buffer(struct buffer *buffer)
{
    free(buffer->bytes);
    *buffer = (struct buffer){0};
}
