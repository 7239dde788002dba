#include "support/companion.h"

#include <unistd.h>

#include "process/threads.h"
#include "support/child.h"

static void *wait_for_the_end(void *end) {
    char byte;
    return read(*(const int *)end, &byte, 1) == 0 ? NULL : end;
}

void gf_companion_start(struct gf_companion *companion) {
    assert_int_equal(pipe(companion->ends), 0);
    assert_int_equal(
        pthread_create(&companion->thread, NULL, wait_for_the_end, &companion->ends[0]), 0);
}

void gf_companion_end(struct gf_companion *companion) {
    close(companion->ends[1]);
    pthread_join(companion->thread, NULL);
    while (gf_threads_count() != 1)
        continue;
    close(companion->ends[0]);
}
