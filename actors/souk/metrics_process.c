/* SPDX-License-Identifier: Apache-2.0 */
/* souk/metrics_process.c -- see metrics.h: memory, descriptors and time as the kernel tells them. */
#include "metrics.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static uint64_t
resident_bytes(void)
{
    unsigned long size, resident;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file) return 0;
    int found = fscanf(file, "%lu %lu", &size, &resident);
    fclose(file);
    return found == 2 ? (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

static uint64_t
open_descriptors(void)
{
    uint64_t count = 0;
    DIR *directory = opendir("/proc/self/fd");
    if (!directory) return 0;
    while (readdir(directory)) count++;
    closedir(directory);
    return count > 3 ? count - 3 : 0; /* Without ".", ".." and the directory itself. */
}

/* The 22nd field of /proc/self/stat is in ticks since the boot; the name before it may hold anything but a ")". */
static double
start_time(void)
{
    char text[1024];
    FILE *file = fopen("/proc/self/stat", "re");
    if (!file) return 0;
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = '\0';
    const char *at = strrchr(text, ')');
    for (int field = 2; at && field < 22; field++) {
        at = strchr(at, ' ');
        at = at ? at + 1 : NULL;
    }
    unsigned long long ticks = 0;
    struct timespec now, since_boot;
    if (!at || sscanf(at, "%llu", &ticks) != 1) return 0;
    clock_gettime(CLOCK_REALTIME, &now);
    clock_gettime(CLOCK_BOOTTIME, &since_boot);
    double boot = (double)(now.tv_sec - since_boot.tv_sec) + (double)(now.tv_nsec - since_boot.tv_nsec) * 1e-9;
    return boot + (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

static double
seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec * 1e-6;
}

void
souk_metrics_process(struct souk_prometheus *page)
{
    struct rusage usage;
    struct rlimit limit;
    souk_prometheus_one(page, "process_resident_memory_bytes", SOUK_PROMETHEUS_GAUGE, "Resident memory size in bytes.",
                        resident_bytes());
    souk_prometheus_one(page, "process_open_fds", SOUK_PROMETHEUS_GAUGE, "Number of open file descriptors.",
                        open_descriptors());
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        souk_prometheus_one(page, "process_max_fds", SOUK_PROMETHEUS_GAUGE,
                            "Maximum number of open file descriptors.", limit.rlim_cur);
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        souk_prometheus_family(page, "process_cpu_seconds_total", SOUK_PROMETHEUS_COUNTER,
                               "Total user and system CPU time spent in seconds.");
        souk_prometheus_real(page, NULL, seconds(usage.ru_utime) + seconds(usage.ru_stime));
    }
    souk_prometheus_family(page, "process_start_time_seconds", SOUK_PROMETHEUS_GAUGE,
                           "Start time of the process since the Unix epoch in seconds.");
    souk_prometheus_real(page, NULL, start_time());
}
