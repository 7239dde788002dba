/* A thread of C that writes regions without the interpreter, as fast as it can. It alone knows what
 * must be there: each byte becomes another one and then the first one again, so that pages are
 * equal half of the time; and it counts up and down at the start of a region, as locks do.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "torture.h"

static struct {
    pthread_t thread;
    atomic_bool stop;
    long from, to;
    struct writer_report report;
} writer;

static void write_bytes(const struct torture_region *region, unsigned char change) {
    const unsigned char *base = torture.base + region->at;
    volatile unsigned char *bytes = region->bytes;
    for (long i = 0; i < region->size; i++) {
        unsigned char before = (unsigned char)(base[i] ^ change ^ 0xff);
        writer.report.wrong += bytes[i] != before;
        bytes[i] = (unsigned char)(before ^ 0xff);
    }
}

static void count(const struct torture_region *region) {
    uint64_t before, after;
    volatile uint64_t *counter = (volatile uint64_t *)(void *)region->bytes;
    memcpy(&before, torture.base + region->at, sizeof before);
    ++*counter;
    --*counter;
    after = *counter;
    writer.report.wrong += after != before;
}

static void *work(void *nothing) {
    (void)nothing;
    while (!writer.stop) {
        for (long i = writer.from; i < writer.to; i++) {
            write_bytes(&torture.regions[i], 0xff);
            write_bytes(&torture.regions[i], 0);
            count(&torture.regions[i]);
        }
        writer.report.sweeps++;
    }
    return NULL;
}

int writer_start(long from, long to) {
    writer.stop = false;
    writer.from = from;
    writer.to = to;
    writer.report = (struct writer_report){0, 0};
    return pthread_create(&writer.thread, NULL, work, NULL);
}

struct writer_report writer_stop(void) {
    writer.stop = true;
    pthread_join(writer.thread, NULL);
    return writer.report;
}
