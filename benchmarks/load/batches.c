#include "batches.h"

#include <stdbool.h>
#include <string.h>

enum { KIND_RESULT = 1 }; /* app/protocol.py, Kind */

struct reader {
    const uint8_t *next, *end;
    bool is_broken;
};

static uint64_t take_number(struct reader *reader, size_t count)
{
    uint64_t value = 0;
    if (reader->is_broken || (size_t)(reader->end - reader->next) < count) {
        reader->is_broken = true;
        return 0;
    }
    for (size_t i = 0; i < count; i++)
        value = value << 8 | *reader->next++;
    return value;
}

static size_t take_array(struct reader *reader)
{
    uint8_t head = take_number(reader, 1);
    if ((head & 0xf0) == 0x90)
        return head & 0x0f;
    if (head == 0xdc || head == 0xdd)
        return take_number(reader, head == 0xdc ? 2 : 4);
    reader->is_broken = true;
    return 0;
}

static uint64_t take_unsigned(struct reader *reader)
{
    uint8_t head = take_number(reader, 1);
    if (head < 0x80)
        return head;
    if (head >= 0xcc && head <= 0xcf)
        return take_number(reader, (size_t)1 << (head - 0xcc));
    reader->is_broken = true;
    return 0;
}

static void skip_binary(struct reader *reader)
{
    uint8_t head = take_number(reader, 1);
    uint64_t length = head >= 0xc4 && head <= 0xc6 ? take_number(reader, (size_t)1 << (head - 0xc4)) : UINT64_MAX;
    if (reader->is_broken || (uint64_t)(reader->end - reader->next) < length)
        reader->is_broken = true;
    else
        reader->next += length;
}

ssize_t read_batch(const uint8_t *bytes, size_t length, uint64_t *leases, size_t room)
{
    struct reader reader = {bytes, bytes + length, false};
    size_t count = take_array(&reader);
    if (count > room)
        return -1;
    for (size_t i = 0; i < count && !reader.is_broken; i++) {
        if (take_array(&reader) != 2)
            return -1;
        leases[i] = take_unsigned(&reader);
        skip_binary(&reader);
    }
    return reader.is_broken || reader.next != reader.end ? -1 : (ssize_t)count;
}

static uint8_t *put_number(uint8_t *out, uint8_t head, uint64_t value, int count)
{
    *out++ = head;
    for (int i = count - 1; i >= 0; i--)
        *out++ = value >> (8 * i);
    return out;
}

static uint8_t *put_unsigned(uint8_t *out, uint64_t value)
{
    if (value < 0x80)
        return put_number(out, value, 0, 0);
    if (value < 0x10000)
        return put_number(out, 0xcd, value, 2);
    return value >> 32 ? put_number(out, 0xcf, value, 8) : put_number(out, 0xce, value, 4);
}

static uint8_t *put_binary_header(uint8_t *out, size_t length)
{
    if (length < 0x100)
        return put_number(out, 0xc4, length, 1);
    return length < 0x10000 ? put_number(out, 0xc5, length, 2) : put_number(out, 0xc6, length, 4);
}

size_t write_batch(
    uint8_t *out, uint32_t want, const uint64_t *leases, size_t count, uint32_t ms, const uint8_t *result,
    size_t result_length)
{
    uint8_t *next = out;
    *next++ = 0x92;
    next = put_unsigned(next, want);
    next = put_number(next, 0xdc, count, 2);
    for (size_t i = 0; i < count; i++) {
        *next++ = 0x94;
        next = put_unsigned(next, leases[i]);
        *next++ = KIND_RESULT;
        next = put_unsigned(next, ms);
        next = put_binary_header(next, result_length);
        memcpy(next, result, result_length);
        next += result_length;
    }
    return next - out;
}

void write_result(uint8_t *out, size_t length)
{
    /* The header counts what follows it. It is not always the shortest one: with those some lengths cannot be had. */
    if (length < 0x100)
        put_number(out, 0xc4, length - 2, 1), memset(out + 2, 'r', length - 2);
    else
        put_number(out, 0xc6, length - 5, 4), memset(out + 5, 'r', length - 5);
}
