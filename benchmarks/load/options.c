#include "options.h"

#include "fail.h"

#include <getopt.h>
#include <stdlib.h>

enum { MAX_BATCH = 1024, MIN_RESULT_BYTES = 5, MAX_RESULT_BYTES = 1 << 20 };

enum name { HOST, PATH, PORT, CONNECTIONS, SOURCES, CAMPAIGN, BATCH, THREADS, RESULT_BYTES, WARM_UP, SECONDS, CONNECT_LIMIT,
            THINK, HOLD };

static const struct option NAMES[] = {
    {"host", required_argument, NULL, HOST},
    {"path", required_argument, NULL, PATH},
    {"port", required_argument, NULL, PORT},
    {"connections", required_argument, NULL, CONNECTIONS},
    {"sources", required_argument, NULL, SOURCES},
    {"campaign", required_argument, NULL, CAMPAIGN},
    {"batch", required_argument, NULL, BATCH},
    {"threads", required_argument, NULL, THREADS},
    {"result-bytes", required_argument, NULL, RESULT_BYTES},
    {"warm-up", required_argument, NULL, WARM_UP},
    {"seconds", required_argument, NULL, SECONDS},
    {"connect-limit", required_argument, NULL, CONNECT_LIMIT},
    {"think-ms", required_argument, NULL, THINK},
    {"hold", required_argument, NULL, HOLD},
    {0},
};

static double read_number(const char *name, const char *text)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end)
        fail("--%s takes a number, not %s", name, text);
    return value;
}

static void set_text(struct options *options, enum name name, const char *text)
{
    if (name == HOST)
        options->host = text;
    else
        options->path = text;
}

static void set_number(struct options *options, enum name name, double value)
{
    switch (name) {
    case PORT: options->port = value; break;
    case CONNECTIONS: options->connections = value; break;
    case SOURCES: options->sources = value; break;
    case CAMPAIGN: options->campaign = value; break;
    case BATCH: options->batch = value; break;
    case THREADS: options->threads = value; break;
    case RESULT_BYTES: options->result_bytes = value; break;
    case WARM_UP: options->warm_up_s = value; break;
    case SECONDS: options->seconds = value; break;
    case CONNECT_LIMIT: options->connect_limit_s = value; break;
    case THINK: options->think_ms = value; break;
    default: options->hold_s = value; break;
    }
}

static void check(const struct options *options)
{
    if (options->port < 1 || options->port > 65535)
        fail("--port is missing or no port");
    if (options->connections < 1 || options->sources < 1 || options->sources > 254)
        fail("there must be a connection and an address for it, and at most 254 addresses");
    if (options->batch < 0 || options->batch > MAX_BATCH)
        fail("--batch may be up to %d", MAX_BATCH);
    if (options->result_bytes < MIN_RESULT_BYTES || options->result_bytes > MAX_RESULT_BYTES)
        fail("--result-bytes may be %d to %d", MIN_RESULT_BYTES, MAX_RESULT_BYTES);
}

struct options read_options(int count, char **arguments)
{
    struct options options = {
        .host = "127.0.0.1", .path = "/ws", .connections = 100, .sources = 1, .campaign = 1, .threads = 4,
        .result_bytes = 100, .warm_up_s = 1, .seconds = 5, .connect_limit_s = 60,
    };
    int name, index;
    while ((name = getopt_long(count, arguments, "", NAMES, &index)) >= 0) {
        if (name == '?')
            fail("usage: load --port PORT [--connections N] [--batch K] [--seconds S] ...; see options.h");
        if (name == HOST || name == PATH)
            set_text(&options, name, optarg);
        else
            set_number(&options, name, read_number(NAMES[index].name, optarg));
    }
    check(&options);
    return options;
}
