#include "frames.h"

#include <string.h>

enum { FINAL = 0x80, RESERVED = 0x70, MASKED = 0x80, LENGTH_16 = 126, LENGTH_64 = 127 };

/* The mask protects proxies from scripts in browsers, and there are none here: a constant does. It is not zero, so that
 * the server has all the work that a browser gives it. */
static const uint8_t MASK[4] = {0x37, 0xfa, 0x21, 0x3d};

static uint64_t read_big_endian(const uint8_t *bytes, int count)
{
    uint64_t value = 0;
    for (int i = 0; i < count; i++)
        value = value << 8 | bytes[i];
    return value;
}

static size_t length_bytes(uint8_t code)
{
    return code == LENGTH_16 ? 2 : code == LENGTH_64 ? 8 : 0;
}

ssize_t read_frame(const uint8_t *bytes, size_t length, struct frame *frame)
{
    if (length < 2)
        return 0;
    if (!(bytes[0] & FINAL) || bytes[0] & RESERVED || bytes[1] & MASKED)
        return -1;
    uint8_t code = bytes[1] & 0x7f;
    size_t header = 2 + length_bytes(code);
    if (length < header)
        return 0;
    uint64_t payload = header == 2 ? code : read_big_endian(bytes + 2, header - 2);
    if (length - header < payload)
        return 0;
    frame->opcode = bytes[0] & 0x0f;
    frame->data = bytes + header;
    frame->length = payload;
    return header + payload;
}

static size_t write_header(uint8_t *out, enum opcode opcode, size_t length)
{
    out[0] = FINAL | opcode;
    if (length < LENGTH_16) {
        out[1] = MASKED | length;
        return 2;
    }
    int count = length < 65536 ? 2 : 8;
    out[1] = MASKED | (count == 2 ? LENGTH_16 : LENGTH_64);
    for (int i = 0; i < count; i++)
        out[2 + i] = (uint64_t)length >> (8 * (count - 1 - i));
    return 2 + count;
}

size_t write_frame(uint8_t *out, enum opcode opcode, const uint8_t *data, size_t length)
{
    uint8_t *next = out + write_header(out, opcode, length);
    memcpy(next, MASK, sizeof MASK);
    next += sizeof MASK;
    for (size_t i = 0; i < length; i++)
        next[i] = data[i] ^ MASK[i & 3];
    return next - out + length;
}

int read_close_code(const struct frame *frame)
{
    return frame->length < 2 ? CLOSE_NO_CODE : (int)read_big_endian(frame->data, 2);
}
