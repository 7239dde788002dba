/* The memory that is tortured: see torture.c. */
#ifndef TORTURE_H
#define TORTURE_H

#include <stdint.h>

struct torture_region {
    unsigned char *bytes;
    long size;
    long at; /* in model and base */
};

extern struct torture {
    struct torture_region *regions;
    long count, most_regions;
    unsigned char *model; /* what the bytes must be */
    unsigned char *base;  /* what they were when the region was added */
    long bytes, most_bytes;
} torture;

/* Room for that much; -1: none. */
int torture_open(long regions, long bytes);
int torture_add(unsigned char *bytes, long size);

/* On regions `from` up to `to`. `writes` and `restores` of 256 operations write something new and
 * what was there first; the others read. Returns how many reads were wrong, and says which. */
long torture_run(uint64_t seed, long operations, long from, long to, int writes, int restores);

/* Writes what was there first to all bytes: pages become equal again. */
void torture_restore(long from, long to);

/* How many bytes are not what they must be. */
long torture_verify(long from, long to);

/* A thread that writes regions without the interpreter until it is stopped. `wrong`: how often it
 * did not read what it had written. */
struct writer_report {
    long sweeps, wrong;
};
int writer_start(long from, long to);
struct writer_report writer_stop(void);

#endif
