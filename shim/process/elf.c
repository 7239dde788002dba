#include "process/elf.h"

#include <string.h>

/* Every read below goes through this: [address, address + size) inside one loaded segment? */
static bool readable(const struct gf_elf *elf, uintptr_t address, size_t size) {
    for (size_t i = 0; i < elf->segment_count; i++) {
        const ElfW(Phdr) *segment = &elf->segments[i];
        if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_R))
            continue;
        uintptr_t start = elf->base + segment->p_vaddr;
        if (address >= start && address - start <= segment->p_memsz &&
            size <= segment->p_memsz - (address - start))
            return true;
    }
    return false;
}

/* glibc adds the base to the pointers of the dynamic section while loading, other loaders and the
 * vdso leave file addresses there. 0 is the file's header and never a table: no entry names one.
 * What is not aligned was not written by a linker, and cannot be read in place. */
static uintptr_t table(const struct gf_elf *elf, ElfW(Addr) value, size_t size, size_t alignment) {
    if (value == 0)
        return 0;
    uintptr_t address = readable(elf, value, size) ? value : elf->base + value;
    return address % alignment == 0 && readable(elf, address, size) ? address : 0;
}

bool gf_elf_parse(const struct dl_phdr_info *object, struct gf_elf *ret) {
    struct gf_elf elf = {
        .base = object->dlpi_addr,
        .segments = object->dlpi_phdr,
        .segment_count = object->dlpi_phnum,
    };
    const ElfW(Dyn) *dynamic = NULL;
    size_t dynamic_count = 0;
    for (size_t i = 0; i < elf.segment_count; i++) {
        if (elf.segments[i].p_type == PT_DYNAMIC) {
            dynamic = (const void *)(elf.base + elf.segments[i].p_vaddr);
            dynamic_count = elf.segments[i].p_memsz / sizeof *dynamic;
        }
    }
    if (!dynamic || (uintptr_t)dynamic % _Alignof(ElfW(Dyn)) != 0 ||
        !readable(&elf, (uintptr_t)dynamic, dynamic_count * sizeof *dynamic))
        return false;

    ElfW(Addr) symbols = 0, strings = 0, gnu_hash = 0, sysv_hash = 0;
    for (size_t i = 0; i < dynamic_count && dynamic[i].d_tag != DT_NULL; i++) {
        switch (dynamic[i].d_tag) {
        case DT_SYMTAB:
            symbols = dynamic[i].d_un.d_ptr;
            break;
        case DT_STRTAB:
            strings = dynamic[i].d_un.d_ptr;
            break;
        case DT_STRSZ:
            elf.strings_size = dynamic[i].d_un.d_val;
            break;
        case DT_GNU_HASH:
            gnu_hash = dynamic[i].d_un.d_ptr;
            break;
        case DT_HASH:
            sysv_hash = dynamic[i].d_un.d_ptr;
            break;
        default:
            break;
        }
    }
    elf.symbols = (const void *)table(&elf, symbols, sizeof(ElfW(Sym)), _Alignof(ElfW(Sym)));
    elf.strings = (const void *)table(&elf, strings, elf.strings_size, 1);
    elf.gnu_hash = (const void *)table(&elf, gnu_hash, 16, _Alignof(ElfW(Addr)));
    elf.sysv_hash = (const void *)table(&elf, sysv_hash, 8, _Alignof(uint32_t));
    if (!elf.symbols || !elf.strings || elf.strings_size == 0 || (!elf.gnu_hash && !elf.sysv_hash))
        return false;
    *ret = elf;
    return true;
}

/* The address of symbol number `index`, if it is the definition of `name`. */
static void *definition(const struct gf_elf *elf, uint32_t index, const char *name, size_t length) {
    const ElfW(Sym) *symbol = elf->symbols + index;
    if (!readable(elf, (uintptr_t)symbol, sizeof *symbol))
        return NULL;
    if (symbol->st_name >= elf->strings_size || elf->strings_size - symbol->st_name <= length ||
        memcmp(elf->strings + symbol->st_name, name, length + 1) != 0)
        return NULL;
    unsigned type = ELF64_ST_TYPE(symbol->st_info);
    bool plain = type == STT_FUNC || type == STT_OBJECT || type == STT_NOTYPE;
    if (symbol->st_shndx == SHN_UNDEF || symbol->st_value == 0 || !plain)
        return NULL;
    return (void *)(elf->base + symbol->st_value);
}

static void *lookup_gnu(const struct gf_elf *elf, const char *name, size_t length) {
    uint32_t hash = 5381;
    for (size_t i = 0; i < length; i++)
        hash = hash * 33 + (unsigned char)name[i];

    const uint32_t *header = elf->gnu_hash;
    uint32_t bucket_count = header[0], first = header[1], bloom_count = header[2],
             shift = header[3];
    const ElfW(Addr) *bloom = (const void *)(header + 4);
    const uint32_t *buckets = (const void *)(bloom + bloom_count);
    const uint32_t *chain = buckets + bucket_count;
    size_t fixed = 16 + bloom_count * sizeof *bloom + bucket_count * sizeof *buckets;
    if (bucket_count == 0 || bloom_count == 0 || !readable(elf, (uintptr_t)header, fixed))
        return NULL;

    const uint32_t bits = 8 * sizeof *bloom;
    ElfW(Addr) word = bloom[(hash / bits) % bloom_count];
    if (!(word >> (hash % bits) & word >> ((hash >> (shift & 31)) % bits) & 1))
        return NULL;

    uint32_t index = buckets[hash % bucket_count];
    if (index < first)
        return NULL;
    for (;; index++) {
        const uint32_t *entry = chain + (index - first);
        if (!readable(elf, (uintptr_t)entry, sizeof *entry))
            return NULL;
        if ((*entry | 1) == (hash | 1)) {
            void *address = definition(elf, index, name, length);
            if (address)
                return address;
        }
        if (*entry & 1)
            return NULL;
    }
}

static void *lookup_sysv(const struct gf_elf *elf, const char *name, size_t length) {
    uint32_t hash = 0;
    for (size_t i = 0; i < length; i++) {
        hash = (hash << 4) + (unsigned char)name[i];
        uint32_t high = hash & 0xf0000000U;
        hash = (hash ^ high >> 24) & ~high;
    }
    uint32_t bucket_count = elf->sysv_hash[0], chain_count = elf->sysv_hash[1];
    const uint32_t *buckets = elf->sysv_hash + 2;
    size_t size = (2 + (size_t)bucket_count + chain_count) * sizeof *buckets;
    if (bucket_count == 0 || !readable(elf, (uintptr_t)elf->sysv_hash, size))
        return NULL;
    const uint32_t *chain = buckets + bucket_count;
    uint32_t index = buckets[hash % bucket_count];
    /* a damaged chain may be a ring: it is never longer than the table */
    for (uint32_t steps = 0; index != 0 && index < chain_count && steps < chain_count; steps++) {
        void *address = definition(elf, index, name, length);
        if (address)
            return address;
        index = chain[index];
    }
    return NULL;
}

void *gf_elf_symbol(const struct gf_elf *elf, const char *name) {
    size_t length = strlen(name);
    return elf->gnu_hash ? lookup_gnu(elf, name, length) : lookup_sysv(elf, name, length);
}
