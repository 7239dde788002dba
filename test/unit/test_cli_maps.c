/* Mappings of processes that are not ours, whose paths anybody may have chosen. */
#include "support/child.h"

#include <errno.h>
#include <string.h>

#include "maps.h"
#include "support/opened.h"

static struct gf_maps read_text(const char *text) {
    struct gf_maps maps;
    gf_opened_set("/maps", text, strlen(text));
    assert_true(gf_maps_read(1, &maps));
    return maps;
}

static void the_library_and_its_copies_are_found(void **state) {
    (void)state;
    struct gf_maps maps =
        read_text("55a0c0000000-55a0c0001000 r--p 00000000 08:01 1234      /usr/bin/python3.13\n"
                  "7f0000000000-7f0000100000 rw-p 00000000 00:00 0 \n"
                  "7f1000000000-7f1000100000 rw-p 00000000 00:01 20   /memfd:gcfreeze (deleted)\n"
                  "7f1000200000-7f1000240000 r--s 000c0000 00:01 20   /memfd:gcfreeze (deleted)\n"
                  "7f1000300000-7f1000340000 rw-p 00000000 00:01 10   /memfd:gcfreeze (deleted)\n"
                  "7f2000000000-7f2000004000 r--p 00000000 08:01 99   /opt/a b/libgcfreeze.so.0\n"
                  "7f2000004000-7f2000010000 r-xp 00004000 08:01 99   /opt/a b/libgcfreeze.so.0\n");
    assert_int_equal(maps.library, 0x7f2000000000);
    assert_int_equal(maps.snapshots.count, 2);
    assert_int_equal(maps.snapshots.list[0].inode, 10);
    assert_int_equal(maps.snapshots.list[0].kib, 256);
    assert_int_equal(maps.snapshots.list[1].inode, 20);
    assert_int_equal(maps.snapshots.list[1].kib, 1024);
    gf_snapshots_release(&maps.snapshots);
}

static void a_slash_that_is_in_no_path_is_survived(void **state) {
    (void)state;
    assert_int_equal(read_text("1000-2000 r/-p 0 08:01 5 name\n").library, 0);
    assert_int_equal(read_text("1000-2000 r/-p 0 08:01 5").library, 0);
}

/* The kernel writes a path's line feeds in four characters, so that it has up to 16 kB. */
static void the_rest_of_a_long_path_is_no_mapping(void **state) {
    char text[20000] = "1000-2000 r--p 00000000 08:01 5 /";
    (void)state;
    while (strlen(text) < 4096 + 127) /* where a buffer of a path's size would end */
        strcat(text, "\\");
    strcat(text, "3000-4000 r--p 00000000 08:01 6 /libgcfreeze.so.0\n");
    assert_int_equal(read_text(text).library, 0x1000);
}

static void sums_of_impossible_sizes_do_not_overflow(void **state) {
    (void)state;
    struct gf_maps maps = read_text("0-ffffffffffffffff r 0 0 1 /memfd:gcfreeze\n"
                                    "1000-0 r ffffffffffffffff 0 2 /memfd:gcfreeze\n"
                                    "0-fffffffffffffff r 0 0 3 /memfd:gcfreeze\n");
    assert_int_equal(maps.snapshots.count, 3);
    assert_int_equal(gf_snapshots_kib(&maps.snapshots), 3 * GF_MAPS_MOST_KIB);
    gf_snapshots_release(&maps.snapshots);
}

static void a_line_is_a_mapping(void **state) {
    struct gf_mapping mapping;
    (void)state;
    assert_true(gf_maps_parse("7f10-7f20 rw-p 00003000 fe:01 42 /a b (deleted)", &mapping));
    assert_int_equal(mapping.start, 0x7f10);
    assert_int_equal(mapping.end, 0x7f20);
    assert_int_equal(mapping.offset, 0x3000);
    assert_int_equal(mapping.inode, 42);
    assert_string_equal(mapping.access, "rw-p");
    assert_string_equal(mapping.path, "/a b (deleted)");
    assert_false(gf_maps_is_snapshot(&mapping));
    assert_true(gf_maps_parse("0-1 r 0 0 1 /memfd:gcfreeze (deleted)", &mapping));
    assert_true(gf_maps_is_snapshot(&mapping));
    assert_true(gf_maps_parse("0-1 rw-p 0 0 0 \n", &mapping));
    assert_string_equal(mapping.path, "");
    assert_false(gf_maps_parse("Size:               1024 kB", &mapping));
    assert_false(gf_maps_parse("0-1 rw-p 0 0 ", &mapping));
    assert_false(gf_maps_parse("", &mapping));
}

static void what_cannot_be_read_says_why(void **state) {
    struct gf_maps maps;
    (void)state;
    gf_opened_set("/maps", "", 0);
    errno = 0;
    assert_false(gf_maps_read(1, &maps));
    assert_int_equal(errno, ENOENT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_library_and_its_copies_are_found),
        cmocka_unit_test(a_slash_that_is_in_no_path_is_survived),
        cmocka_unit_test(the_rest_of_a_long_path_is_no_mapping),
        cmocka_unit_test(sums_of_impossible_sizes_do_not_overflow),
        cmocka_unit_test(a_line_is_a_mapping),
        cmocka_unit_test(what_cannot_be_read_says_why),
    };
    return gf_test_each_in_child(tests, sizeof tests / sizeof *tests);
}
