/* A loaded object made by hand: program headers, dynamic section, symbols, strings and hash tables
 * in one piece of memory, for tests to damage before it is parsed. */
#ifndef GF_TEST_OBJECT_H
#define GF_TEST_OBJECT_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    GF_OBJECT_SYMBOLS = 16,
    GF_OBJECT_BUCKETS = 2,
    GF_OBJECT_BLOOM = 2,
    GF_OBJECT_STRINGS = 512
};

/* The mapped part: what the one PT_LOAD segment covers. */
struct gf_image {
    ElfW(Dyn) dynamic[8];
    ElfW(Sym) symbols[GF_OBJECT_SYMBOLS];
    struct {
        uint32_t bucket_count, first, bloom_count, shift;
        ElfW(Addr) bloom[GF_OBJECT_BLOOM];
        uint32_t buckets[GF_OBJECT_BUCKETS];
        uint32_t chain[GF_OBJECT_SYMBOLS];
    } gnu;
    struct {
        uint32_t bucket_count, chain_count;
        uint32_t buckets[GF_OBJECT_BUCKETS];
        uint32_t chain[GF_OBJECT_SYMBOLS];
    } sysv;
    char strings[GF_OBJECT_STRINGS];
};

struct gf_object_file {
    struct gf_image *image; /* on a page of its own that ends where the image ends */
    ElfW(Phdr) segments[2];
    struct dl_phdr_info info;
    uint32_t symbol_count;
    size_t strings_size;
};

struct gf_object_symbol {
    const char *name;
    uintptr_t offset; /* from the base: what st_value holds */
    unsigned type;    /* STT_... */
    bool undefined;
};

/* How the dynamic section points: at addresses, as glibc leaves it, or at offsets, as in the file.
 */
enum gf_object_pointers { GF_OBJECT_RELOCATED, GF_OBJECT_FILE };

/* Builds an object with both hash tables over `symbols`. Reading past the image's end faults. */
void gf_object_build(struct gf_object_file *ret, const struct gf_object_symbol *symbols,
                     uint32_t count, enum gf_object_pointers pointers);
void gf_object_release(struct gf_object_file *object);

/* The entry of the dynamic section with this tag. */
ElfW(Dyn) * gf_object_dynamic(struct gf_object_file *object, ElfW(Sxword) tag);

/* Takes an entry out of the dynamic section. */
void gf_object_drop(struct gf_object_file *object, ElfW(Sxword) tag);

#endif
