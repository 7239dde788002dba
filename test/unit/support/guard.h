/* Memory whose end is an inaccessible page: reading one byte too many is a fault. */
#ifndef GF_TEST_GUARD_H
#define GF_TEST_GUARD_H

#include <stddef.h>

/* `size` bytes, zeroed, right before an inaccessible page. Ends the process if there are none. */
void *gf_guard_map(size_t size);

/* The same right behind an inaccessible page. */
void *gf_guard_map_behind(size_t size);

/* What gf_guard_map returned. */
void gf_guard_unmap(void *memory, size_t size);

#endif
