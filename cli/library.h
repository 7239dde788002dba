/* Where libgcfreeze.so is. */
#ifndef GF_CLI_LIBRARY_H
#define GF_CLI_LIBRARY_H

#include <stdbool.h>

/* The file that dynamic linkers are told to load. */
#define GF_LIBRARY_NAME     "libgcfreeze.so.0"

/* A variable for this program alone, that says which one to use. */
#define GF_LIBRARY_VARIABLE "GCFREEZE_LIBRARY"

/* To be called first: takes it out of the environment, where the library would take it for one of
 * its settings, and call it unknown. */
void gf_library_choose(void);

/* Its absolute path, in this order: GCFREEZE_LIBRARY, beside this program, ../lib and
 * ../lib/<triplet> from there, the folder it was installed to. NULL after an error. Static storage.
 */
const char *gf_library_path(void);

/* A value for LD_PRELOAD with `path` first, and everything of `preload` (may be NULL) behind it but
 * other entries of this library. Allocated; NULL without memory. */
char *gf_library_preload(const char *path, const char *preload);

#endif
