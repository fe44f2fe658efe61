/* Sockets that neither block nor wait, and the frames that go through them. */
#ifndef CONNECTIONS_H
#define CONNECTIONS_H

#include "frames.h"
#include "load.h"

void open_connection(struct load *load, struct connection *connection);

/* Do what epoll says a connection is ready for. */
void serve_connection(struct load *load, struct connection *connection, uint32_t events);

void send_bytes(struct load *load, struct connection *connection, const uint8_t *bytes, size_t length);

/* Send one frame: no more than the scratch of the load holds, which has room for the largest batch. */
void send_frame(
    struct load *load, struct connection *connection, enum opcode opcode, const uint8_t *data, size_t length);

#endif
