/* What a run is printed as. */
#ifndef REPORT_H
#define REPORT_H

#include "load.h"

/* This process' time at a moment. */
struct usage {
    uint64_t at_ns;
    double cpu_s;
};

struct usage read_usage(void);

/* Print one line of JSON: what was counted since a moment, and in all. */
void print_report(const struct load *load, const struct usage *before);

#endif
