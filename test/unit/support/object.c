#include "support/object.h"

#include <string.h>

#include "support/child.h"
#include "support/guard.h"

/* The hash functions, from the System V ABI and from binutils' gnu_hash: written again here, so
 * that the test does not believe what it tests. */
static uint32_t sysv_hash(const char *name) {
    unsigned long hash = 0;
    for (; *name; name++) {
        hash = (hash << 4) + (unsigned char)*name;
        unsigned long high = hash & 0xf0000000UL;
        if (high != 0)
            hash ^= high >> 24;
        hash &= ~high;
    }
    return (uint32_t)hash;
}

static uint32_t gnu_hash(const char *name) {
    uint32_t hash = 5381;
    for (; *name; name++)
        hash = (hash << 5) + hash + (unsigned char)*name;
    return hash;
}

static void add_string(struct gf_object_file *object, const char *string) {
    size_t length = strlen(string) + 1;
    assert_true(object->strings_size + length <= GF_OBJECT_STRINGS);
    memcpy(object->image->strings + object->strings_size, string, length);
    object->strings_size += length;
}

static void add_symbol(struct gf_object_file *object, const struct gf_object_symbol *symbol) {
    assert_true(object->symbol_count < GF_OBJECT_SYMBOLS);
    object->image->symbols[object->symbol_count++] = (ElfW(Sym)){
        .st_name = (ElfW(Word))object->strings_size,
        .st_info = (unsigned char)(STB_GLOBAL << 4 | symbol->type),
        .st_shndx = symbol->undefined ? SHN_UNDEF : 1,
        .st_value = symbol->offset,
    };
    add_string(object, symbol->name);
}

static void build_sysv(struct gf_object_file *object) {
    struct gf_image *image = object->image;
    image->sysv.bucket_count = GF_OBJECT_BUCKETS;
    image->sysv.chain_count = object->symbol_count;
    for (uint32_t i = 1; i < object->symbol_count; i++) {
        uint32_t *bucket =
            &image->sysv.buckets[sysv_hash(image->strings + image->symbols[i].st_name) %
                                 GF_OBJECT_BUCKETS];
        image->sysv.chain[i] = *bucket;
        *bucket = i;
    }
}

/* The chains of this table are runs of symbols: they must already be in bucket order. */
static void build_gnu(struct gf_object_file *object) {
    struct gf_image *image = object->image;
    const uint32_t shift = 6, bits = 8 * sizeof image->gnu.bloom[0];
    image->gnu.bucket_count = GF_OBJECT_BUCKETS;
    image->gnu.first = 1;
    image->gnu.bloom_count = GF_OBJECT_BLOOM;
    image->gnu.shift = shift;
    for (uint32_t i = 1; i < object->symbol_count; i++) {
        uint32_t hash = gnu_hash(image->strings + image->symbols[i].st_name);
        ElfW(Addr) *word = &image->gnu.bloom[hash / bits % GF_OBJECT_BLOOM];
        *word |= (ElfW(Addr))1 << hash % bits | (ElfW(Addr))1 << (hash >> shift) % bits;
        uint32_t *bucket = &image->gnu.buckets[hash % GF_OBJECT_BUCKETS];
        if (*bucket == 0)
            *bucket = i;
        image->gnu.chain[i - 1] = hash & ~1U;
        bool last = i + 1 == object->symbol_count ||
                    gnu_hash(image->strings + image->symbols[i + 1].st_name) % GF_OBJECT_BUCKETS !=
                        hash % GF_OBJECT_BUCKETS;
        if (last)
            image->gnu.chain[i - 1] |= 1;
    }
}

void gf_object_build(struct gf_object_file *ret, const struct gf_object_symbol *symbols,
                     uint32_t count, enum gf_object_pointers pointers) {
    struct gf_image *image = gf_guard_map(sizeof *image);
    uintptr_t base = (uintptr_t)image;
    *ret = (struct gf_object_file){.image = image, .symbol_count = 1};
    add_string(ret, "");
    for (uint32_t bucket = 0; bucket < GF_OBJECT_BUCKETS; bucket++) {
        for (uint32_t i = 0; i < count; i++) {
            if (gnu_hash(symbols[i].name) % GF_OBJECT_BUCKETS == bucket)
                add_symbol(ret, &symbols[i]);
        }
    }
    build_sysv(ret);
    build_gnu(ret);

    uintptr_t start = pointers == GF_OBJECT_RELOCATED ? base : 0;
    const ElfW(Dyn) dynamic[] = {
        {DT_SYMTAB, {start + offsetof(struct gf_image, symbols)}},
        {DT_STRTAB, {start + offsetof(struct gf_image, strings)}},
        {DT_STRSZ, {ret->strings_size}},
        {DT_GNU_HASH, {start + offsetof(struct gf_image, gnu)}},
        {DT_HASH, {start + offsetof(struct gf_image, sysv)}},
        {DT_NULL, {0}},
    };
    memcpy(image->dynamic, dynamic, sizeof dynamic);
    ret->segments[0] =
        (ElfW(Phdr)){.p_type = PT_LOAD, .p_flags = PF_R, .p_vaddr = 0, .p_memsz = sizeof *image};
    ret->segments[1] = (ElfW(Phdr)){.p_type = PT_DYNAMIC,
                                    .p_flags = PF_R,
                                    .p_vaddr = offsetof(struct gf_image, dynamic),
                                    .p_memsz = sizeof image->dynamic};
    ret->info.dlpi_addr = base;
    ret->info.dlpi_phdr = ret->segments;
    ret->info.dlpi_phnum = 2;
}

void gf_object_release(struct gf_object_file *object) {
    gf_guard_unmap(object->image, sizeof *object->image);
}

ElfW(Dyn) * gf_object_dynamic(struct gf_object_file *object, ElfW(Sxword) tag) {
    ElfW(Dyn) *entry = object->image->dynamic;
    while (entry->d_tag != tag) {
        assert_true(entry->d_tag != DT_NULL);
        entry++;
    }
    return entry;
}

void gf_object_drop(struct gf_object_file *object, ElfW(Sxword) tag) {
    gf_object_dynamic(object, tag)->d_tag = DT_DEBUG;
}
