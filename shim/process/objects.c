#include "process/objects.h"

#include <stddef.h>

#include "process/loader.h"

struct search {
    const char *const *names;
    size_t count;
    struct gf_elf *found;
    uint64_t changes;
};

/* The counts came with glibc 2.4; a shorter record has none. */
static uint64_t changes_of(const struct dl_phdr_info *object, size_t size) {
    return size >= offsetof(struct dl_phdr_info, dlpi_subs) + sizeof object->dlpi_subs
               ? object->dlpi_adds + object->dlpi_subs
               : 0;
}

static int visit(struct dl_phdr_info *object, size_t size, void *context) {
    struct search *search = context;
    struct gf_elf elf;
    search->changes = changes_of(object, size);
    if (!gf_elf_parse(object, &elf))
        return 0;
    for (size_t i = 0; i < search->count; i++) {
        if (!gf_elf_symbol(&elf, search->names[i]))
            return 0;
    }
    *search->found = elf;
    return 1;
}

bool gf_objects_find(const char *const *names, size_t count, struct gf_elf *ret,
                     uint64_t *ret_changes) {
    struct search search = {names, count, ret, 0};
    bool found = gf_loader_objects(visit, &search) != 0;
    if (ret_changes)
        *ret_changes = search.changes;
    return found;
}

struct code_search {
    uintptr_t address;
    struct gf_code found;
};

static int visit_code(struct dl_phdr_info *object, size_t size, void *context) {
    struct code_search *search = context;
    bool found = false;
    (void)size;
    search->found.of_program = false;
    search->found.path = object->dlpi_name;
    for (size_t i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        uintptr_t start = object->dlpi_addr + segment->p_vaddr;
        if (segment->p_type == PT_INTERP) /* which names the dynamic linker: programs have it */
            search->found.of_program = true;
        if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_X) ||
            search->address - start >= segment->p_memsz)
            continue;
        search->found.start = start;
        search->found.size = segment->p_memsz;
        found = true;
    }
    return found;
}

bool gf_objects_code(uintptr_t address, struct gf_code *ret) {
    struct code_search search = {.address = address};
    if (gf_loader_objects(visit_code, &search) == 0)
        return false;
    *ret = search.found;
    return true;
}

static int first_changes(struct dl_phdr_info *object, size_t size, void *context) {
    *(uint64_t *)context = changes_of(object, size);
    return 1;
}

uint64_t gf_objects_changes(void) {
    uint64_t changes = 0;
    gf_loader_objects(first_changes, &changes);
    return changes;
}
