#include "support/child.h"

#include <stdlib.h>
#include <string.h>

#include "process/elf.h"
#include "support/object.h"

static const struct gf_object_symbol symbols[] = {
    {"apple", 0x100, STT_FUNC, false},      {"banana", 0x200, STT_OBJECT, false},
    {"cherry", 0x300, STT_NOTYPE, false},   {"date", 0x400, STT_TLS, false},
    {"elder", 0x500, STT_GNU_IFUNC, false}, {"fig", 0x600, STT_FUNC, true},
    {"grape", 0, STT_FUNC, false},
};
enum { SYMBOLS = sizeof symbols / sizeof *symbols };

/* Which tables an object has. */
static const struct {
    const char *what;
    ElfW(Sxword) dropped; /* DT_NULL: nothing */
    enum gf_object_pointers pointers;
} styles[] = {
    {"both tables, relocated", DT_NULL, GF_OBJECT_RELOCATED},
    {"both tables, as in the file", DT_NULL, GF_OBJECT_FILE},
    {"GNU, relocated", DT_HASH, GF_OBJECT_RELOCATED},
    {"GNU, as in the file", DT_HASH, GF_OBJECT_FILE},
    {"System V, relocated", DT_GNU_HASH, GF_OBJECT_RELOCATED},
    {"System V, as in the file", DT_GNU_HASH, GF_OBJECT_FILE},
};
enum { STYLES = sizeof styles / sizeof *styles };

static struct gf_object_file object;

static void build(size_t style) {
    gf_object_build(&object, symbols, SYMBOLS, styles[style].pointers);
    if (styles[style].dropped != DT_NULL)
        gf_object_drop(&object, styles[style].dropped);
}

enum { MISSING = -1 };

/* What a lookup finds, as an offset from the base. */
static long lookup(const char *name) {
    struct gf_elf elf;
    assert_true(gf_elf_parse(&object.info, &elf));
    char *address = gf_elf_symbol(&elf, name);
    return address ? (long)(address - (char *)object.image) : MISSING;
}

static bool parses(void) {
    struct gf_elf elf;
    memset(&elf, 0xaa, sizeof elf);
    bool parsed = gf_elf_parse(&object.info, &elf);
    assert_true(parsed || elf.segment_count == (size_t)0xaaaaaaaaaaaaaaaa); /* untouched */
    return parsed;
}

/* ---- lookups ---- */

static void defined_symbols_are_found_in_every_style(void **state) {
    (void)state;
    for (size_t style = 0; style < STYLES; style++) {
        build(style);
        if (lookup("apple") != 0x100 || lookup("banana") != 0x200 || lookup("cherry") != 0x300)
            fail_msg("%s", styles[style].what);
        gf_object_release(&object);
    }
}

static void what_cannot_be_called_counts_as_missing(void **state) {
    static const char *const names[] = {"date",   "elder", "fig",  "grape", "zebra",
                                        "applee", "appl",  "pple", "",      "\xff\xff\xff\xff"};
    (void)state;
    for (size_t style = 0; style < STYLES; style++) {
        build(style);
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            if (lookup(names[i]) != MISSING)
                fail_msg("%s: %s", styles[style].what, names[i]);
        }
        gf_object_release(&object);
    }
}

/* ---- objects that do not parse ---- */

static void an_object_without_a_dynamic_section_does_not_parse(void **state) {
    (void)state;
    build(0);
    object.info.dlpi_phnum = 1;
    assert_false(parses());
    object.info.dlpi_phnum = 0;
    assert_false(parses());
    gf_object_release(&object);
}

static void a_dynamic_section_outside_of_the_segments_does_not_parse(void **state) {
    (void)state;
    build(0);
    object.segments[1].p_vaddr = sizeof *object.image;
    assert_false(parses());
    object.segments[1].p_vaddr = (ElfW(Addr))0 - 4096;
    assert_false(parses());
    object.segments[1].p_vaddr = offsetof(struct gf_image, dynamic);
    object.segments[1].p_memsz = sizeof *object.image + 16;
    assert_false(parses());
    object.segments[1].p_memsz = SIZE_MAX;
    assert_false(parses());
    object.segments[1].p_memsz = 0;
    assert_false(parses());
    gf_object_release(&object);
}

static void a_dynamic_section_without_an_end_is_read_to_its_size(void **state) {
    (void)state;
    build(0);
    gf_object_dynamic(&object, DT_NULL)->d_tag = DT_DEBUG;
    for (size_t i = 0; i < sizeof object.image->dynamic / sizeof object.image->dynamic[0]; i++) {
        if (object.image->dynamic[i].d_tag == DT_NULL)
            object.image->dynamic[i].d_tag = DT_DEBUG;
    }
    assert_int_equal(lookup("apple"), 0x100);
    gf_object_release(&object);
}

static void a_segment_that_cannot_be_read_holds_nothing(void **state) {
    (void)state;
    build(0);
    object.segments[0].p_flags = PF_X;
    assert_false(parses());
    gf_object_release(&object);
}

static void a_missing_table_does_not_parse(void **state) {
    static const ElfW(Sxword) needed[] = {DT_SYMTAB, DT_STRTAB, DT_STRSZ};
    (void)state;
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        build(0);
        gf_object_drop(&object, needed[i]);
        assert_false(parses());
        gf_object_release(&object);
    }
    build(0);
    gf_object_drop(&object, DT_GNU_HASH);
    gf_object_drop(&object, DT_HASH);
    assert_false(parses());
    gf_object_release(&object);
}

static void a_table_outside_of_the_segments_counts_as_missing(void **state) {
    static const ElfW(Sxword) tables[] = {DT_SYMTAB, DT_STRTAB};
    static const ElfW(Addr) nowhere[] = {1, sizeof(struct gf_image), SIZE_MAX, SIZE_MAX / 2};
    (void)state;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        for (size_t n = 1; n < sizeof nowhere / sizeof *nowhere; n++) {
            build(0);
            gf_object_dynamic(&object, tables[i])->d_un.d_ptr = nowhere[n];
            assert_false(parses());
            gf_object_release(&object);
        }
    }
    build(0);
    gf_object_dynamic(&object, DT_GNU_HASH)->d_un.d_ptr = SIZE_MAX;
    assert_int_equal(lookup("apple"), 0x100); /* the other one is left */
    gf_object_dynamic(&object, DT_HASH)->d_un.d_ptr = SIZE_MAX;
    assert_false(parses());
    gf_object_release(&object);
}

/* Nothing else would fault on x86-64: the sanitized build says what is read in place all the same.
 */
static void a_table_that_is_not_aligned_counts_as_missing(void **state) {
    (void)state;
    build(0);
    object.segments[1].p_vaddr += 4;
    assert_false(parses());
    object.segments[1].p_vaddr -= 4;
    gf_object_dynamic(&object, DT_SYMTAB)->d_un.d_ptr += 4;
    assert_false(parses());
    gf_object_dynamic(&object, DT_SYMTAB)->d_un.d_ptr -= 4;
    gf_object_dynamic(&object, DT_GNU_HASH)->d_un.d_ptr += 4;
    assert_int_equal(lookup("apple"), 0x100); /* the other one is left, which only has words */
    gf_object_dynamic(&object, DT_HASH)->d_un.d_ptr += 1;
    assert_false(parses());
    gf_object_release(&object);
}

static void strings_longer_than_their_segment_do_not_parse(void **state) {
    (void)state;
    build(0);
    gf_object_dynamic(&object, DT_STRSZ)->d_un.d_val = GF_OBJECT_STRINGS + 1;
    assert_false(parses());
    gf_object_dynamic(&object, DT_STRSZ)->d_un.d_val = SIZE_MAX;
    assert_false(parses());
    gf_object_release(&object);
}

/* ---- objects that parse and are damaged further in: nothing is found, and nothing crashes ---- */

/* Damages every object that has `table` as its only one, and expects nothing to be found. */
static void assert_lost(ElfW(Sxword) other, void (*damage)(struct gf_image *image)) {
    build(0);
    gf_object_drop(&object, other);
    assert_int_equal(lookup("apple"), 0x100);
    damage(object.image);
    for (size_t i = 0; i < SYMBOLS; i++)
        assert_int_equal(lookup(symbols[i].name), MISSING);
    assert_int_equal(lookup("zebra"), MISSING);
    gf_object_release(&object);
}

static void no_gnu_buckets(struct gf_image *image) {
    image->gnu.bucket_count = 0;
}

static void huge_gnu_buckets(struct gf_image *image) {
    image->gnu.bucket_count = UINT32_MAX;
}

static void no_bloom(struct gf_image *image) {
    image->gnu.bloom_count = 0;
}

static void huge_bloom(struct gf_image *image) {
    image->gnu.bloom_count = UINT32_MAX;
}

static void empty_bloom(struct gf_image *image) {
    memset(image->gnu.bloom, 0, sizeof image->gnu.bloom);
}

static void gnu_buckets_before_the_first(struct gf_image *image) {
    image->gnu.first = GF_OBJECT_SYMBOLS;
}

static void gnu_buckets_out_of_bounds(struct gf_image *image) {
    for (size_t i = 0; i < GF_OBJECT_BUCKETS; i++)
        image->gnu.buckets[i] = UINT32_MAX;
}

static void a_damaged_gnu_table_finds_nothing(void **state) {
    (void)state;
    assert_lost(DT_HASH, no_gnu_buckets);
    assert_lost(DT_HASH, huge_gnu_buckets);
    assert_lost(DT_HASH, no_bloom);
    assert_lost(DT_HASH, huge_bloom);
    assert_lost(DT_HASH, empty_bloom);
    assert_lost(DT_HASH, gnu_buckets_before_the_first);
    assert_lost(DT_HASH, gnu_buckets_out_of_bounds);
}

/* The shift is a number from the file: 40 is more than a hash has bits. */
static void a_huge_gnu_shift_is_survived(void **state) {
    (void)state;
    build(0);
    gf_object_drop(&object, DT_HASH);
    object.image->gnu.shift = 40;
    memset(object.image->gnu.bloom, 0xff, sizeof object.image->gnu.bloom);
    assert_int_equal(lookup("apple"), 0x100);
    assert_int_equal(lookup("zebra"), MISSING);
    gf_object_release(&object);
}

static void a_gnu_chain_without_an_end_stops_at_the_segments(void **state) {
    (void)state;
    build(0);
    gf_object_drop(&object, DT_HASH);
    memset(object.image->gnu.bloom, 0xff, sizeof object.image->gnu.bloom);
    char *chain = (char *)object.image->gnu.chain;
    memset(chain, 0, (size_t)((char *)(object.image + 1) - chain));
    assert_int_equal(lookup("zebra"), MISSING);
    gf_object_release(&object);
}

/* The chain still reaches that far, the symbols do not. */
static void a_symbol_beyond_the_segments_is_not_read(void **state) {
    enum { FAR = 60 };
    (void)state;
    build(0);
    gf_object_drop(&object, DT_HASH);
    struct gf_image *image = object.image;
    uint32_t *chain = image->gnu.chain;
    assert_true((char *)(image->symbols + FAR) > (char *)(image + 1));
    assert_true((char *)(chain + FAR) < (char *)(image + 1));
    for (uint32_t i = 1; i < object.symbol_count; i++) {
        if (strcmp(image->strings + image->symbols[i].st_name, "apple") == 0)
            chain[FAR - 1] = chain[i - 1] | 1;
    }
    for (uint32_t i = 0; i < GF_OBJECT_BUCKETS; i++)
        image->gnu.buckets[i] = FAR;
    assert_int_equal(lookup("apple"), MISSING);
    gf_object_release(&object);
}

static void no_sysv_buckets(struct gf_image *image) {
    image->sysv.bucket_count = 0;
}

static void huge_sysv_buckets(struct gf_image *image) {
    image->sysv.bucket_count = UINT32_MAX;
}

static void no_sysv_chain(struct gf_image *image) {
    image->sysv.chain_count = 0;
}

static void huge_sysv_chain(struct gf_image *image) {
    image->sysv.chain_count = UINT32_MAX;
}

static void sysv_buckets_out_of_bounds(struct gf_image *image) {
    for (size_t i = 0; i < GF_OBJECT_BUCKETS; i++)
        image->sysv.buckets[i] = UINT32_MAX;
}

static void sysv_ring(struct gf_image *image) {
    for (uint32_t i = 0; i < GF_OBJECT_BUCKETS; i++)
        image->sysv.buckets[i] = SYMBOLS; /* whatever that one is, */
    for (uint32_t i = 0; i < GF_OBJECT_SYMBOLS; i++)
        image->sysv.chain[i] = SYMBOLS; /* nothing else follows */
    image->symbols[SYMBOLS].st_shndx = SHN_UNDEF;
}

static void a_damaged_sysv_table_finds_nothing(void **state) {
    (void)state;
    assert_lost(DT_GNU_HASH, no_sysv_buckets);
    assert_lost(DT_GNU_HASH, huge_sysv_buckets);
    assert_lost(DT_GNU_HASH, no_sysv_chain);
    assert_lost(DT_GNU_HASH, huge_sysv_chain);
    assert_lost(DT_GNU_HASH, sysv_buckets_out_of_bounds);
    assert_lost(DT_GNU_HASH, sysv_ring);
}

static void names_beyond_the_strings(struct gf_image *image) {
    for (size_t i = 0; i < GF_OBJECT_SYMBOLS; i++)
        image->symbols[i].st_name = GF_OBJECT_STRINGS;
}

static void names_far_beyond_the_strings(struct gf_image *image) {
    for (size_t i = 0; i < GF_OBJECT_SYMBOLS; i++)
        image->symbols[i].st_name = UINT32_MAX;
}

static void symbols_of_an_unknown_type(struct gf_image *image) {
    for (size_t i = 0; i < GF_OBJECT_SYMBOLS; i++)
        image->symbols[i].st_info = 0xff;
}

static void damaged_symbols_are_not_found(void **state) {
    static const ElfW(Sxword) others[] = {DT_HASH, DT_GNU_HASH};
    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_lost(others[i], names_beyond_the_strings);
        assert_lost(others[i], names_far_beyond_the_strings);
        assert_lost(others[i], symbols_of_an_unknown_type);
    }
}

/* The last name runs to the end of the string table and of the memory, without a terminator. */
static void an_unterminated_string_table_is_not_read_past(void **state) {
    (void)state;
    for (size_t style = 0; style < STYLES; style++) {
        build(style);
        char *strings = object.image->strings;
        memset(strings + object.strings_size, 'x', GF_OBJECT_STRINGS - object.strings_size);
        gf_object_dynamic(&object, DT_STRSZ)->d_un.d_val = GF_OBJECT_STRINGS;
        for (uint32_t i = 1; i < object.symbol_count; i++) {
            const char *name = strings + object.image->symbols[i].st_name;
            if (strcmp(name, "apple") != 0)
                continue;
            memcpy(strings + GF_OBJECT_STRINGS - 5, "apple", 5);
            object.image->symbols[i].st_name = GF_OBJECT_STRINGS - 5;
        }
        assert_int_equal(lookup("apple"), MISSING);
        assert_int_equal(lookup("banana"), 0x200);
        gf_object_release(&object);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defined_symbols_are_found_in_every_style),
        cmocka_unit_test(what_cannot_be_called_counts_as_missing),
        cmocka_unit_test(an_object_without_a_dynamic_section_does_not_parse),
        cmocka_unit_test(a_dynamic_section_outside_of_the_segments_does_not_parse),
        cmocka_unit_test(a_dynamic_section_without_an_end_is_read_to_its_size),
        cmocka_unit_test(a_segment_that_cannot_be_read_holds_nothing),
        cmocka_unit_test(a_missing_table_does_not_parse),
        cmocka_unit_test(a_table_outside_of_the_segments_counts_as_missing),
        cmocka_unit_test(a_table_that_is_not_aligned_counts_as_missing),
        cmocka_unit_test(strings_longer_than_their_segment_do_not_parse),
        cmocka_unit_test(a_damaged_gnu_table_finds_nothing),
        cmocka_unit_test(a_huge_gnu_shift_is_survived),
        cmocka_unit_test(a_gnu_chain_without_an_end_stops_at_the_segments),
        cmocka_unit_test(a_symbol_beyond_the_segments_is_not_read),
        cmocka_unit_test(a_damaged_sysv_table_finds_nothing),
        cmocka_unit_test(damaged_symbols_are_not_found),
        cmocka_unit_test(an_unterminated_string_table_is_not_read_past),
    };
    return gf_test_each_in_child(tests, sizeof tests / sizeof *tests);
}
