/* The kernel's samepage merging (Documentation/admin-guide/mm/ksm.rst) for arenas. */
#ifndef GF_PAGES_KSM_H
#define GF_PAGES_KSM_H

#include <stdbool.h>

/* Marks all known arenas MADV_MERGEABLE; children inherit the mark. False: the kernel has no
 * samepage merging. Phase: as snapshot.h, and after it, because a replaced arena loses the mark. */
bool gf_ksm_mark(void);

/* Is ksmd at work (/sys/kernel/mm/ksm/run)? */
bool gf_ksm_running(void);

#endif
