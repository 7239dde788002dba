/* The loaded objects: which exports what, and whose code is where.
 *
 * dlsym() cannot tell: RTLD_DEFAULT does not see a libpython that was opened RTLD_LOCAL, and
 * RTLD_NOLOAD needs a name that dlopen would accept.
 *
 * Asks the dynamic linker (process/loader.h), and finds nothing where that may not be asked. Phase:
 * attach, before hook, fork window; never the child.
 */
#ifndef GF_PROCESS_OBJECTS_H
#define GF_PROCESS_OBJECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "process/elf.h"

/* Finds the first loaded object, in load order, that exports all of `names`. `*ret_changes` (may be
 * NULL) gets the number of times that an object was loaded or unloaded, found or not: as long as
 * gf_objects_changes() says the same, another search cannot end differently. */
bool gf_objects_find(const char *const *names, size_t count, struct gf_elf *ret,
                     uint64_t *ret_changes);

uint64_t gf_objects_changes(void);

/* The segment of code that holds an address, and whether it is a program's own or a library's. */
struct gf_code {
    uintptr_t start;
    size_t size;
    bool of_program;
    /* Of its file, as the dynamic linker knows it; valid as long as that is loaded. */
    const char *path;
};

/* False, and *ret is untouched, if no loaded object has code there. */
bool gf_objects_code(uintptr_t address, struct gf_code *ret);

#endif
