/* What the command line asks for. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdint.h>

struct options {
    const char *host, *path;
    int port;
    int connections;
    int sources;        /* addresses 127.0.0.1, 127.0.0.2, ... that connections come from in turn */
    int campaign;       /* what the hello asks for; -1: any */
    int batch;          /* 0: the classic dialect; else the batched one, that many datasets to a frame */
    int threads;        /* what the batched hello says */
    int result_bytes;
    double warm_up_s, seconds, connect_limit_s;
    double think_ms;    /* from the arrival of datasets to their answer */
    double hold_s;      /* not 0: say hello, and only hold the connections for so long */
};

struct options read_options(int count, char **arguments);

#endif
