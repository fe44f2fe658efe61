/* Volunteers by the thousand from one thread: connects, works for a while, and prints what it counted as JSON. */
#include "clock.h"
#include "connections.h"
#include "conversations.h"
#include "fail.h"
#include "load.h"
#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>

enum { HANDSHAKES_AT_ONCE = 128, EVENTS = 1024, WAIT_NS = 20000000 };

static const double NS = 1e9;

static void open_load(struct load *load)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    load->epoll = epoll_create1(0);
    load->connections = calloc(load->options.connections, sizeof(struct connection));
    load->arrived = malloc(SCRATCH_BYTES);
    if (load->epoll < 0 || !load->connections || !load->arrived)
        fail("no memory for %d connections", load->options.connections);
    open_latencies(&load->latencies);
    open_thoughts(&load->thoughts, load->options.connections);
    open_conversations(load);
}

static void answer_due(struct load *load)
{
    int number;
    while ((number = take_thought(&load->thoughts, now_ns())) >= 0)
        if (load->connections[number].stage == OPEN)
            answer(load, &load->connections[number]);
}

/* Wait for something to happen, no longer than WAIT_NS, and react to it. */
static void turn(struct load *load)
{
    struct epoll_event events[EVENTS];
    uint64_t wait = time_to_thought(&load->thoughts, now_ns(), WAIT_NS);
    int count = epoll_wait(load->epoll, events, EVENTS, (wait + 999999) / 1000000);
    if (count < 0 && errno != EINTR)
        fail("epoll_wait: %s", strerror(errno));
    for (int i = 0; i < count; i++)
        serve_connection(load, events[i].data.ptr, events[i].events);
    answer_due(load);
}

static void connect_all(struct load *load)
{
    const int wanted = load->options.connections;
    uint64_t give_up = now_ns() + load->options.connect_limit_s * NS;
    while (load->opened + load->failed < wanted && now_ns() < give_up) {
        while (load->started < wanted && load->started - load->opened - load->failed < HANDSHAKES_AT_ONCE)
            open_connection(load, &load->connections[load->started++]);
        turn(load);
    }
    fprintf(stderr, "connected %d\n", load->opened);
}

/* Work until a moment, or until nobody is left to work. */
static void work(struct load *load, uint64_t until)
{
    while (now_ns() < until && load->closed < load->opened)
        turn(load);
}

/* Say hello on all connections, spread over the time that they think, and work on until a moment. */
static void greet_all(struct load *load, uint64_t until)
{
    double step = load->options.think_ms * 1e6 / load->options.connections;
    uint64_t begin = now_ns();
    for (int i = 0; i < load->options.connections; i++) {
        while (now_ns() < begin + (uint64_t)(i * step))
            turn(load);
        if (load->connections[i].stage == OPEN)
            say_hello(load, &load->connections[i]);
    }
    work(load, until);
}

static void measure(struct load *load, const char *event, double seconds)
{
    fprintf(stderr, "%s\n", event);
    struct usage before = read_usage();
    load->is_measuring = true;
    work(load, now_ns() + seconds * NS);
    load->is_measuring = false;
    print_report(load, &before);
}

int main(int count, char **arguments)
{
    static struct load load;
    load.options = read_options(count, arguments);
    open_load(&load);
    connect_all(&load);
    if (load.options.hold_s > 0) {
        measure(&load, "holding", load.options.hold_s);
    } else {
        greet_all(&load, now_ns() + load.options.warm_up_s * NS);
        measure(&load, "measuring", load.options.seconds);
    }
    return 0;
}
