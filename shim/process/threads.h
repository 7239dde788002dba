/* The threads of this process, as /proc says. No allocation, no cancellation point. */
#ifndef GF_PROCESS_THREADS_H
#define GF_PROCESS_THREADS_H

#include <stdbool.h>
#include <stdint.h>

/* The process's threads, as the kernel counts them; -1 if /proc does not tell. */
int gf_threads_count(void);

/* Is the calling thread the one that the process began with? It has the process's number. True as
 * well where a sandbox does not let it ask. */
bool gf_thread_is_first(void);

/* The same as gf_threads_count, after waiting for threads that are ending just now: the kernel
 * counts one that was joined until it has left for good, for 10 us mostly, and for 2 ms if it lost
 * its processor meanwhile (measured). For at most 10 ms. */
int gf_threads_left(void);

/* All threads but the calling one, and how often each of them has been given a processor. */
struct gf_others {
    int count;
    struct gf_other {
        int thread;
        uint64_t runs;
    } other[128];
};

/* Do all of them sleep? False, and *ret is of no use, if one runs or is ready to, if there are more
 * than fit, or if the kernel does not tell. 3 us a thread. */
bool gf_others_sleep(struct gf_others *ret);

/* Has the calling thread blocked the signals from 1 to 31, as far as these can be? Have all others?
 * Then the kernel gives none to another thread where the calling one blocks them, too. A thread
 * that is just being created has, for a moment. 3 us a thread. */
bool gf_thread_blocks_signals(void);
bool gf_others_block_signals(void);

/* Has none of them run since gf_others_sleep said yes? One that was created since was so by one
 * that has run. 1 us a thread. */
bool gf_others_still_sleep(const struct gf_others *others);

#endif
