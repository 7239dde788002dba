/* Is there room for a copy of some memory? Asked before copying, because the limits that this is
 * about answer with a signal or the out-of-memory killer.
 *
 * Phase: as snapshot.h. Reads /proc/self and /sys/fs/cgroup.
 */
#ifndef GF_PAGES_ROOM_H
#define GF_PAGES_ROOM_H

#include <stddef.h>

#include "gcfreeze.h"

/* `file`: bytes of one file that would be written. `memory`: bytes that would be used for a moment.
 * Returns NONE, FILE_SIZE_LIMIT or NO_ROOM. */
enum gcfreeze_reason gf_room_for(size_t file, size_t memory);

/* May `size` bytes of address space be used for good, and private mappings replaced? NONE; NO_ROOM
 * if RLIMIT_AS would leave the process less than that once more; LOCKED_MEMORY if it has locked
 * memory: locking a private mapping copies all of it. */
enum gcfreeze_reason gf_room_for_mappings(size_t size);

/* How many mappings copies may still add. Together they may have half of what the limit
 * (vm.max_map_count) leaves beside everybody else's, or the process could map nothing more and
 * start no thread. `name` is what /proc/self/maps shows of them. *most is 0 the first time, and
 * then how many mappings there may be in all. -1 with errno: it cannot be read. A microsecond a
 * mapping. */
long gf_room_of_mappings(const char *name, size_t *most);

#endif
