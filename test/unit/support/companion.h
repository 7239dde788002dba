/* A second thread, which sleeps until it is sent home. */
#ifndef GF_TEST_COMPANION_H
#define GF_TEST_COMPANION_H

#include <pthread.h>

struct gf_companion {
    pthread_t thread;
    int ends[2]; /* of a pipe: it reads the first */
};

void gf_companion_start(struct gf_companion *companion);

/* Returns when the kernel counts one thread again: one that was joined is gone a moment later. */
void gf_companion_end(struct gf_companion *companion);

#endif
