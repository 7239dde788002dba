/* Cancellation of threads (pthread_cancel), put off while we work.
 *
 * Neither fork nor anything of ours is a cancellation point to a host, but write(2) and its like
 * are: a thread that somebody has cancelled would end in the middle of a fork, with the locks of
 * libc's fork held, and its child would be nobody's. Async-signal-safe, any phase.
 */
#ifndef GF_BASE_CANCEL_H
#define GF_BASE_CANCEL_H

#include <pthread.h>

/* Returns what gf_cancel_restore wants. Calls may be nested. */
static inline int gf_cancel_put_off(void) {
    int before = PTHREAD_CANCEL_ENABLE;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    return before;
}

static inline void gf_cancel_restore(int before) {
    pthread_setcancelstate(before, &before);
}

#endif
