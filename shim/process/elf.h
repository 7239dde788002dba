/* Which loaded object exports what, read from the objects' own dynamic tables.
 *
 * dlsym() cannot do this: RTLD_DEFAULT does not see a libpython that was opened RTLD_LOCAL, and
 * RTLD_NOLOAD needs a name that dlopen would accept. Source for the tables: the System V ABI,
 * "Dynamic Linking", and the GNU hash section as binutils writes it.
 *
 * Takes the dynamic linker's lock for the time of a walk (dl_iterate_phdr). Phase: attach, before
 * hook, fork window; never the child.
 */
#ifndef GF_PROCESS_ELF_H
#define GF_PROCESS_ELF_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The tables of one loaded object. All pointers lead into that object's own segments and are valid
 * as long as it stays loaded. */
struct gf_elf {
    uintptr_t base; /* what to add to a virtual address of the file */
    const ElfW(Phdr) * segments;
    size_t segment_count;
    const ElfW(Sym) * symbols;
    const char *strings;
    size_t strings_size;
    const uint32_t *gnu_hash; /* either table may be missing: NULL */
    const uint32_t *sysv_hash;
};

/* Reads the dynamic section of one object. False if it has none, or if it is damaged: a table that
 * is not inside a loaded segment, or not aligned, counts as missing. */
bool gf_elf_parse(const struct dl_phdr_info *object, struct gf_elf *ret);

/* The address of an exported function or variable; NULL if the object does not define it. Thread
 * local and indirect (IFUNC) symbols count as not defined. */
void *gf_elf_symbol(const struct gf_elf *elf, const char *name);

/* Finds the first loaded object, in load order, that exports all of `names`. `*ret_loads` (may be
 * NULL) gets the number of times that an object was loaded or unloaded, found or not: as long as
 * gf_elf_changes() says the same, another search cannot end differently. */
bool gf_elf_find(const char *const *names, size_t count, struct gf_elf *ret, uint64_t *ret_changes);

uint64_t gf_elf_changes(void);

/* The segment of code that holds an address, and whether it is a program's own or a library's. */
struct gf_code {
    uintptr_t start;
    size_t size;
    bool of_program;
    /* Of its file, as the dynamic linker knows it; valid as long as that is loaded. */
    const char *path;
};

/* False, and *ret is untouched, if no loaded object has code there. */
bool gf_elf_code(uintptr_t address, struct gf_code *ret);

#endif
