/* What a loaded object exports, read from its own dynamic tables.
 *
 * Source for the tables: the System V ABI, "Dynamic Linking", and the GNU hash section as binutils
 * writes it. Any phase.
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

#endif
