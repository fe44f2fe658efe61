#include "connections.h"

#include "conversations.h"
#include "fail.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static void watch(struct load *load, struct connection *connection, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = connection};
    if (epoll_ctl(load->epoll, operation, connection->fd, &event) < 0)
        fail("epoll_ctl: %s", strerror(errno));
}

static void count_close_code(struct load *load, int code)
{
    for (int i = 0; i < MAX_CLOSE_CODES; i++)
        if (load->close_codes[i].code == code || load->close_codes[i].count == 0) {
            load->close_codes[i].code = code;
            load->close_codes[i].count++;
            return;
        }
}

static void end_connection(struct load *load, struct connection *connection, int code)
{
    if (connection->stage == OPEN) {
        load->closed++;
        count_close_code(load, code);
    } else {
        load->failed++;
    }
    close(connection->fd);
    close_buffer(&connection->in);
    close_buffer(&connection->out);
    connection->stage = ENDED;
}

static void end_by_error(struct load *load, struct connection *connection, const char *error)
{
    if (load->errors++ == 0)
        fprintf(stderr, "error %s\n", error);
    end_connection(load, connection, CLOSE_ABNORMAL);
}

static void bind_source(const struct load *load, const struct connection *connection)
{
    /* One address has some 28,000 ports to come from, all connections together. */
    uint32_t number = (connection - load->connections) % load->options.sources;
    struct sockaddr_in source = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + number)};
    int one = 1;
    setsockopt(connection->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (bind(connection->fd, (struct sockaddr *)&source, sizeof source) < 0)
        fail("cannot come from address %u: %s", number, strerror(errno));
}

void open_connection(struct load *load, struct connection *connection)
{
    int one = 1;
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (connection->fd < 0)
        fail("socket: %s", strerror(errno));
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (load->options.sources > 1)
        bind_source(load, connection);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(load->options.port)};
    if (inet_pton(AF_INET, load->options.host, &address.sin_addr) != 1)
        fail("--host takes an IPv4 address, not %s", load->options.host);
    connection->stage = CONNECTING;
    if (connect(connection->fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS)
        end_by_error(load, connection, strerror(errno));
    else
        watch(load, connection, EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT);
}

static void shake_hands(struct load *load, struct connection *connection)
{
    char request[512];
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error) {
        end_by_error(load, connection, strerror(error));
        return;
    }
    /* The key of RFC 6455's example: nobody here needs to be sure that the server is no web cache. */
    int bytes = snprintf(
        request, sizeof request,
        "GET %s HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        load->options.path, load->options.host, load->options.port);
    connection->stage = SHAKING_HANDS;
    watch(load, connection, EPOLL_CTL_MOD, EPOLLIN);
    send_bytes(load, connection, (const uint8_t *)request, bytes);
}

void send_bytes(struct load *load, struct connection *connection, const uint8_t *bytes, size_t length)
{
    ssize_t sent = 0;
    if (connection->out.length == 0)
        sent = send(connection->fd, bytes, length, MSG_NOSIGNAL);
    /* A broken connection is noticed where it is read. */
    if (sent < 0)
        sent = 0;
    if ((size_t)sent == length)
        return;
    if (connection->out.length == 0)
        watch(load, connection, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
    add_bytes(&connection->out, bytes + sent, length - sent);
}

void send_frame(
    struct load *load, struct connection *connection, enum opcode opcode, const uint8_t *data, size_t length)
{
    send_bytes(load, connection, load->frame, write_frame(load->frame, opcode, data, length));
}

static void send_rest(struct load *load, struct connection *connection)
{
    ssize_t sent = send(connection->fd, connection->out.bytes, connection->out.length, MSG_NOSIGNAL);
    if (sent > 0)
        drop_bytes(&connection->out, sent);
    if (connection->out.length == 0)
        watch(load, connection, EPOLL_CTL_MOD, EPOLLIN);
}

static void take_close(struct load *load, struct connection *connection, const struct frame *frame)
{
    int code = read_close_code(frame);
    if (code == 1000 && connection->is_awaiting)
        acknowledge(load, connection);
    send_frame(load, connection, OPCODE_CLOSE, frame->data, frame->length);
    end_connection(load, connection, code);
}

static void take_frame(struct load *load, struct connection *connection, const struct frame *frame)
{
    const char *error = NULL;
    switch (frame->opcode) {
    case OPCODE_CLOSE: take_close(load, connection, frame); return;
    case OPCODE_PING: send_frame(load, connection, OPCODE_PONG, frame->data, frame->length); return;
    case OPCODE_PONG: return;
    case OPCODE_TEXT:
    case OPCODE_BINARY: error = hear(load, connection, frame); break;
    default: error = "a frame of an unknown kind";
    }
    if (error)
        end_by_error(load, connection, error);
}

/* Read the server's answer to the handshake; returns its bytes, 0 when it is not all there yet. */
static size_t take_handshake(struct load *load, struct connection *connection, const uint8_t *bytes, size_t length)
{
    const uint8_t *end = memmem(bytes, length, "\r\n\r\n", 4);
    if (end == NULL)
        return 0;
    if (memcmp(bytes, "HTTP/1.1 101", 12) != 0) {
        end_by_error(load, connection, "the handshake was refused");
        return 0;
    }
    connection->stage = OPEN;
    load->opened++;
    if (load->options.hold_s > 0)
        say_hello(load, connection);
    return end + 4 - bytes;
}

/* Take every whole frame; returns the bytes that they had. */
static size_t take_frames(struct load *load, struct connection *connection, const uint8_t *bytes, size_t length)
{
    size_t taken = connection->stage == SHAKING_HANDS ? take_handshake(load, connection, bytes, length) : 0;
    while (connection->stage == OPEN) {
        struct frame frame;
        ssize_t count = read_frame(bytes + taken, length - taken, &frame);
        if (count < 0)
            end_by_error(load, connection, "a frame that no server may send");
        if (count <= 0)
            break;
        taken += count;
        take_frame(load, connection, &frame);
    }
    return taken;
}

static void receive(struct load *load, struct connection *connection)
{
    ssize_t count = recv(connection->fd, load->arrived, SCRATCH_BYTES, 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (count <= 0) {
        end_connection(load, connection, CLOSE_ABNORMAL);
        return;
    }
    if (connection->in.length == 0) {
        size_t taken = take_frames(load, connection, load->arrived, count);
        if (connection->stage != ENDED && taken < (size_t)count)
            add_bytes(&connection->in, load->arrived + taken, count - taken);
        return;
    }
    add_bytes(&connection->in, load->arrived, count);
    size_t taken = take_frames(load, connection, connection->in.bytes, connection->in.length);
    if (connection->stage != ENDED)
        drop_bytes(&connection->in, taken);
}

void serve_connection(struct load *load, struct connection *connection, uint32_t events)
{
    if (connection->stage == CONNECTING) {
        shake_hands(load, connection);
        return;
    }
    if (connection->stage != ENDED && events & EPOLLOUT && connection->out.length)
        send_rest(load, connection);
    if (connection->stage != ENDED && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        receive(load, connection);
}
