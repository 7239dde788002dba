/* A set of addresses of objects: a bit for each 16 bytes of the memory where there are some.
 *
 * No two objects may begin within the same 16 bytes. Phase: as memory.h.
 */
#ifndef GF_BASE_ADDRESSES_H
#define GF_BASE_ADDRESSES_H

#include <stdbool.h>

#include "base/table.h"

/* Begins as all zero. A mebibyte of objects takes 8 KiB. */
struct gf_addresses {
    struct gf_table table;
    struct gf_addresses_part *last; /* most neighbours are in one part; NULL: none */
};

bool gf_addresses_have(struct gf_addresses *addresses, const void *address);

/* False: no memory, and nothing has changed. */
bool gf_addresses_add(struct gf_addresses *addresses, const void *address, bool *ret_new);

/* Forgets everything. An empty one is fine. */
void gf_addresses_release(struct gf_addresses *addresses);

#endif
