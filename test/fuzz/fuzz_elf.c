/* The walk over a loaded object's tables. Input: a byte of flags (1: pointers of the dynamic
 * section are addresses, as glibc leaves them), a byte that counts segments, eight bytes for each
 * of them (type, flags, address, size), and the object as it is in memory.
 *
 * - Nothing outside of the object is read: it lies once before and once behind an inaccessible
 * page.
 * - What is found is a symbol of the object's own table, with that name and that address. */
#include <stdbool.h>
#include <string.h>

#include "fuzz.h"
#include "process/elf.h"
#include "support/guard.h"

enum { MOST = 8192, SEGMENTS = 4, ALIGNED = 16, RELOCATED = 1 };

static const char *const names[] = {"apple", "banana", "cherry", "", "PyGC_Collect"};

struct object {
    ElfW(Phdr) segments[SEGMENTS];
    size_t segment_count;
    bool relocated;
    const uint8_t *image;
    size_t size;
};

static uint16_t number(const uint8_t *bytes) {
    uint16_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

static bool take_object(struct gf_bytes bytes, struct object *ret) {
    const uint8_t *head = gf_bytes_take(&bytes, 2);
    *ret = (struct object){0};
    if (!head)
        return false;
    ret->relocated = head[0] & RELOCATED;
    ret->segment_count = head[1] % (SEGMENTS + 1);
    const uint8_t *segments = gf_bytes_take(&bytes, ret->segment_count * 8);
    if (!segments || bytes.size > MOST)
        return false;
    ret->image = bytes.data;
    ret->size = bytes.size / ALIGNED * ALIGNED; /* what is loaded starts aligned */
    for (size_t i = 0; i < ret->segment_count; i++) {
        const uint8_t *row = segments + 8 * i;
        ElfW(Phdr) *segment = &ret->segments[i];
        segment->p_type = number(row);
        segment->p_flags = number(row + 2);
        segment->p_vaddr = number(row + 4);
        segment->p_memsz = number(row + 6);
        /* what the kernel mapped is really there; all else may be a lie */
        if (segment->p_type == PT_LOAD) {
            if (segment->p_vaddr > ret->size)
                segment->p_vaddr = ret->size;
            if (segment->p_memsz > ret->size - segment->p_vaddr)
                segment->p_memsz = ret->size - segment->p_vaddr;
        }
    }
    return true;
}

/* Does what ld.so does to the pointers of the dynamic section, where that is in the object. */
static void relocate(const struct object *object, char *memory) {
    for (size_t i = 0; i < object->segment_count; i++) {
        const ElfW(Phdr) *segment = &object->segments[i];
        if (segment->p_type != PT_DYNAMIC)
            continue;
        for (size_t at = segment->p_vaddr; at + sizeof(ElfW(Dyn)) <= object->size;
             at += sizeof(ElfW(Dyn))) {
            ElfW(Dyn) entry;
            memcpy(&entry, memory + at, sizeof entry);
            if (entry.d_tag == DT_SYMTAB || entry.d_tag == DT_STRTAB || entry.d_tag == DT_HASH ||
                entry.d_tag == DT_GNU_HASH)
                entry.d_un.d_ptr += (uintptr_t)memory;
            memcpy(memory + at, &entry, sizeof entry);
        }
    }
}

static bool is_symbol(const struct gf_elf *elf, const char *name, uintptr_t address,
                      const char *end) {
    for (const char *at = (const char *)elf->symbols; at + sizeof(ElfW(Sym)) <= end;
         at += sizeof(ElfW(Sym))) {
        ElfW(Sym) symbol;
        memcpy(&symbol, at, sizeof symbol);
        if (elf->base + symbol.st_value == address && symbol.st_name < elf->strings_size &&
            strnlen(elf->strings + symbol.st_name, elf->strings_size - symbol.st_name) <
                elf->strings_size - symbol.st_name &&
            strcmp(elf->strings + symbol.st_name, name) == 0)
            return true;
    }
    return false;
}

static void look_up(const struct object *object, char *memory) {
    struct dl_phdr_info info = {
        .dlpi_addr = (uintptr_t)memory,
        .dlpi_phdr = object->segments,
        .dlpi_phnum = (ElfW(Half))object->segment_count,
    };
    struct gf_elf elf;
    if (object->size > 0)
        memcpy(memory, object->image, object->size);
    if (object->relocated)
        relocate(object, memory);
    if (!gf_elf_parse(&info, &elf))
        return;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        uintptr_t found = (uintptr_t)gf_elf_symbol(&elf, names[i]);
        if (found)
            GF_FUZZ_CHECK(is_symbol(&elf, names[i], found, memory + object->size));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char *end, *start;
    if (!end) {
        end = (char *)gf_guard_map(MOST) + MOST;
        start = gf_guard_map_behind(MOST);
    }
    struct object object;
    if (!take_object((struct gf_bytes){data, size}, &object))
        return 0;
    look_up(&object, end - object.size);
    look_up(&object, start);
    return 0;
}
