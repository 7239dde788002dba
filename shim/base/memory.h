/* Arrays that grow and are given back whole: straight from the kernel, past the host's allocator.
 *
 * Phase: before hook, fork window; never the child.
 */
#ifndef GF_BASE_MEMORY_H
#define GF_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

struct gf_memory {
    void *data;
    size_t size; /* bytes that may be used; fresh bytes are zero */
};

/* At least `size` bytes, and what was there stays, maybe at another address. False when the
 * kernel has no more: then nothing has changed. */
bool gf_memory_grow(struct gf_memory *memory, size_t size);

/* Back to the kernel. An empty one is fine. */
void gf_memory_release(struct gf_memory *memory);

#endif
