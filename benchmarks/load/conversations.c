#include "conversations.h"

#include "batches.h"
#include "clock.h"
#include "connections.h"
#include "fail.h"

#include <stdio.h>
#include <stdlib.h>

static uint32_t most_held(const struct load *load)
{
    /* What was wanted may be under way twice over: what came unasked, and the reply to a newer wish. */
    return 4 * load->options.batch;
}

void open_conversations(struct load *load)
{
    size_t length = load->options.result_bytes;
    size_t payload_room = BATCH_OVERHEAD + (size_t)most_held(load) * (ANSWER_OVERHEAD + length) + 256;
    load->result = malloc(length);
    load->classic_answer = malloc(length + 2 * FRAME_OVERHEAD + 1);
    load->payload = malloc(payload_room);
    load->frame = malloc(payload_room + FRAME_OVERHEAD);
    if (!load->result || !load->classic_answer || !load->payload || !load->frame)
        fail("no memory for a batch of %d results of %zu bytes", load->options.batch, length);
    write_result(load->result, length);
    size_t letter = write_frame(load->classic_answer, OPCODE_TEXT, (const uint8_t *)"r", 1);
    load->classic_answer_length =
        letter + write_frame(load->classic_answer + letter, OPCODE_BINARY, load->result, length);
}

void say_hello(struct load *load, struct connection *connection)
{
    const struct options *options = &load->options;
    char hello[128];
    int length = snprintf(hello, sizeof hello, "i%d", options->campaign);
    if (options->batch)
        length += snprintf(
            hello + length, sizeof hello - length, " {\"v\":2,\"threads\":%d,\"device\":\"load\"}", options->threads);
    send_frame(load, connection, OPCODE_TEXT, (const uint8_t *)hello, length);
}

static void send_batch(struct load *load, struct connection *connection)
{
    const struct options *options = &load->options;
    size_t length = write_batch(
        load->payload, options->batch, connection->leases, connection->held, options->think_ms, load->result,
        options->result_bytes);
    connection->is_awaiting = true;
    connection->in_flight = connection->held;
    send_frame(load, connection, OPCODE_BINARY, load->payload, length);
}

void answer(struct load *load, struct connection *connection)
{
    load->answered += connection->held;
    connection->is_thinking = false;
    connection->asked_ns = now_ns();
    if (load->options.batch) {
        send_batch(load, connection);
    } else {
        connection->is_awaiting = true;
        connection->in_flight = 1;
        send_bytes(load, connection, load->classic_answer, load->classic_answer_length);
    }
    connection->held = 0;
}

void acknowledge(struct load *load, struct connection *connection)
{
    load->acknowledged += connection->in_flight;
    if (load->is_measuring && connection->in_flight) {
        load->measured += connection->in_flight;
        load->measured_frames++;
    }
    connection->in_flight = 0;
    connection->is_awaiting = false;
}

static void think(struct load *load, struct connection *connection)
{
    /* One frame of answers is under way at a time: what comes meanwhile goes with the next one. */
    if (connection->is_awaiting || connection->is_thinking || connection->held == 0)
        return;
    uint64_t now = now_ns();
    if (connection->asked_ns && load->is_measuring)
        add_latency(&load->latencies, now - connection->asked_ns);
    connection->asked_ns = 0;
    if (load->options.think_ms > 0) {
        connection->is_thinking = true;
        add_thought(&load->thoughts, connection - load->connections, now + load->options.think_ms * 1e6);
    } else {
        answer(load, connection);
    }
}

static const char *take_batch(struct load *load, struct connection *connection, const struct frame *frame)
{
    if (connection->leases == NULL && !(connection->leases = calloc(most_held(load), sizeof(uint64_t))))
        fail("no memory for leases");
    uint64_t *room = connection->leases + connection->held;
    ssize_t count = read_batch(frame->data, frame->length, room, most_held(load) - connection->held);
    if (count < 0)
        return "a binary frame is no batch, or holds more than was wanted";
    if (connection->is_unasked || !connection->is_awaiting)
        load->unasked += load->is_measuring;
    else
        acknowledge(load, connection);
    connection->is_unasked = false;
    connection->held += count;
    think(load, connection);
    return NULL;
}

static const char *take_dataset(struct load *load, struct connection *connection)
{
    if (connection->expected != A_DATASET)
        return "a binary frame without the letter d";
    connection->expected = A_LETTER;
    if (connection->is_awaiting)
        acknowledge(load, connection);
    connection->held = 1;
    think(load, connection);
    return NULL;
}

static void begin(struct load *load, struct connection *connection)
{
    /* The batched client speaks first. Where the campaign changed, what it sent or holds goes on. */
    if (load->options.batch && !connection->is_awaiting && connection->held == 0)
        send_batch(load, connection);
}

static const char *hear_letter(const struct load *load, struct connection *connection, const struct frame *frame)
{
    bool is_batched = load->options.batch != 0;
    switch (frame->length ? frame->data[0] : 0) {
    case 'k': connection->expected = THE_KERNEL; return NULL;
    case 's': connection->expected = THE_STATIC_DATASET; return NULL;
    case 'd':
        if (is_batched)
            connection->is_unasked = true;
        else
            connection->expected = A_DATASET;
        return NULL;
    case 'c':
    case 'w':
    case 'u': return is_batched ? NULL : "a letter of the batched dialect";
    default: return "a letter that the protocol does not have";
    }
}

static const char *hear_text(struct load *load, struct connection *connection, const struct frame *frame)
{
    switch (connection->expected) {
    case A_LETTER: return hear_letter(load, connection, frame);
    case A_DATASET: return "text where a dataset was announced";
    case THE_KERNEL: connection->expected = A_LETTER; return NULL;
    default:
        connection->expected = A_LETTER;
        begin(load, connection);
        return NULL;
    }
}

const char *hear(struct load *load, struct connection *connection, const struct frame *frame)
{
    if (frame->opcode == OPCODE_TEXT)
        return hear_text(load, connection, frame);
    return load->options.batch ? take_batch(load, connection, frame) : take_dataset(load, connection);
}
