#include "report.h"

#include "clock.h"

#include <stdio.h>
#include <sys/resource.h>

static double seconds_of(struct timeval time)
{
    return time.tv_sec + time.tv_usec / 1e6;
}

struct usage read_usage(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (struct usage){now_ns(), seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime)};
}

static void print_close_codes(const struct load *load)
{
    printf("\"close_codes\": {");
    for (int i = 0; i < MAX_CLOSE_CODES && load->close_codes[i].count; i++)
        printf("%s\"%d\": %d", i ? ", " : "", load->close_codes[i].code, load->close_codes[i].count);
    printf("}, ");
}

static void print_latencies(const struct latencies *latencies)
{
    static const struct {
        const char *name;
        double share;
    } WANTED[] = {{"p50_ms", 0.5}, {"p90_ms", 0.9}, {"p99_ms", 0.99}};
    for (int i = 0; i < 3; i++)
        printf("\"%s\": %.2f, ", WANTED[i].name, find_latency_ms(latencies, WANTED[i].share));
    printf("\"max_ms\": %.2f, ", latencies->longest_ns / 1e6);
}

void print_report(const struct load *load, const struct usage *before)
{
    struct usage after = read_usage();
    double elapsed_s = (after.at_ns - before->at_ns) / 1e9;
    printf("{\"connections\": %d, \"failed\": %d, ", load->opened, load->options.connections - load->opened);
    printf("\"closed\": %d, \"errors\": %d, ", load->closed, load->errors);
    print_close_codes(load);
    printf("\"elapsed_s\": %.4f, \"rate\": %.1f, ", elapsed_s, load->measured / elapsed_s);
    printf("\"per_frame\": %.2f, ", load->measured_frames ? (double)load->measured / load->measured_frames : 0.0);
    printf("\"unasked_frames\": %lu, ", load->unasked);
    print_latencies(&load->latencies);
    printf("\"measured\": %lu, \"answered\": %lu, ", load->measured, load->answered);
    printf("\"acknowledged\": %lu, ", load->acknowledged);
    printf("\"client_cpu_percent\": %.1f}\n", 100 * (after.cpu_s - before->cpu_s) / elapsed_s);
    fflush(stdout);
}
