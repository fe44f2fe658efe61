/* What a volunteer says and hears, in either dialect (docs/protocol.md). */
#ifndef CONVERSATIONS_H
#define CONVERSATIONS_H

#include "frames.h"
#include "load.h"

/* Make ready what every answer holds. */
void open_conversations(struct load *load);

void say_hello(struct load *load, struct connection *connection);

/* Take one text or binary frame. Returns NULL, or what is wrong with it. */
const char *hear(struct load *load, struct connection *connection, const struct frame *frame);

/* Answer everything that a connection holds; its time to think is over. */
void answer(struct load *load, struct connection *connection);

/* The server closed with 1000: what was in flight is stored (docs/protocol.md). */
void acknowledge(struct load *load, struct connection *connection);

#endif
