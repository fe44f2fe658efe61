/* WebSocket frames (RFC 6455) as a client reads and writes them. No I/O. */
#ifndef FRAMES_H
#define FRAMES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum opcode { OPCODE_TEXT = 1, OPCODE_BINARY = 2, OPCODE_CLOSE = 8, OPCODE_PING = 9, OPCODE_PONG = 10 };

enum { FRAME_OVERHEAD = 14, CLOSE_ABNORMAL = 1006, CLOSE_NO_CODE = 1005 };

struct frame {
    enum opcode opcode;
    const uint8_t *data; /* points into the bytes that were read */
    size_t length;
};

/* Read the frame at the beginning of some bytes.
 * Returns the bytes that it takes, 0 when it is not all there yet, -1 when it is none that a server may send us: this
 * client offers no extension, and no server that it measures sends fragments, so that both are errors. */
ssize_t read_frame(const uint8_t *bytes, size_t length, struct frame *frame);

/* Write a masked frame and return its bytes: at most FRAME_OVERHEAD more than it holds. */
size_t write_frame(uint8_t *out, enum opcode opcode, const uint8_t *data, size_t length);

/* Return the code of a close frame. */
int read_close_code(const struct frame *frame);

#endif
