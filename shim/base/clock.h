/* Time. The clocks are read through the vdso, without a system call unless it is said; any phase,
 * async-signal-safe. */
#ifndef GF_BASE_CLOCK_H
#define GF_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Microseconds of the monotonic clock, for durations. */
static inline int64_t gf_clock_us(void) {
    struct timespec now = {0, 0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

/* Microseconds that this process has used of all processors. A system call. */
static inline int64_t gf_clock_cpu_us(void) {
    struct timespec used = {0, 0};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return used.tv_sec * INT64_C(1000000) + used.tv_nsec / 1000;
}

/* Milliseconds since 1970, for people. */
static inline int64_t gf_clock_unix_ms(void) {
    struct timespec now = {0, 0};
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

#endif
