/* A hash table of records that begin with a pointer, their key; straight from the kernel, past the
 * host's allocator.
 *
 * Phase: as memory.h.
 */
#ifndef GF_BASE_TABLE_H
#define GF_BASE_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/memory.h"

/* Begins as {.record = sizeof(a record)}. */
struct gf_table {
    size_t record;
    struct gf_memory memory;
    size_t capacity; /* a power of two, or 0; at most half of it is in use */
    size_t count;
};

/* The record with this key, or NULL. */
void *gf_table_find(const struct gf_table *table, const void *key);

/* The same; a new one is zero but for its key, and may move all others. NULL: no memory, and
 * nothing has changed. */
void *gf_table_add(struct gf_table *table, const void *key, bool *ret_new);

/* Forgets everything. An empty one is fine. */
void gf_table_release(struct gf_table *table);

#endif
