/* An io_uring of this process, by its system calls alone. */
#ifndef GF_TEST_RING_H
#define GF_TEST_RING_H

#include <stddef.h>

/* Its descriptor. Where the kernel refuses one, the test is skipped. */
int gf_ring_open(void);

/* Pins the pages of this memory until gf_ring_unpin. */
void gf_ring_pin(int ring, void *address, size_t size);
void gf_ring_unpin(int ring);

#endif
