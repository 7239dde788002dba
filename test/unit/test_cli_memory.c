/* Memory figures out of texts; what the kernel says of real processes is for test_cli_tree.c. */
#include "support/child.h"

#include <string.h>

#include "maps.h"
#include "memory.h"
#include "support/opened.h"

static struct gf_memory_use read_texts(const char *rollup, const char *smaps) {
    struct gf_memory_use use;
    gf_opened_set("/smaps_rollup", rollup, strlen(rollup));
    gf_opened_set("/smaps", smaps, strlen(smaps));
    assert_true(gf_memory_read(1, &use));
    return use;
}

static const char rollup[] = "55a0c0000000-7ffd00102000 ---p 00000000 00:00 0          [rollup]\n"
                             "Rss:               10240 kB\n"
                             "Pss:                5120 kB\n"
                             "Pss_Anon:           2000 kB\n"
                             "Pss_File:           3000 kB\n"
                             "Pss_Shmem:           120 kB\n"
                             "Private_Clean:       300 kB\n"
                             "Private_Dirty:      2100 kB\n"
                             "Anonymous:          2000 kB\n";

static void pages_of_copies_that_only_it_maps_are_not_its_own(void **state) {
    (void)state;
    struct gf_memory_use use =
        read_texts(rollup, "7f1000000000-7f1000100000 rw-p 0 00:01 20   /memfd:gcfreeze (deleted)\n"
                           "Private_Clean:       100 kB\n"
                           "Private_Dirty:       200 kB\n"
                           "Anonymous:            50 kB\n"
                           "7f2000000000-7f2000004000 r--p 0 08:01 99     /opt/libgcfreeze.so.0\n"
                           "Private_Clean:        10 kB\n"
                           "Anonymous:             0 kB\n");
    assert_int_equal(use.rss, 10240);
    assert_int_equal(use.pss_shared_memory, 120);
    assert_int_equal(use.own, 2100 + 300 - 250);
}

/* The read-only mapping is there to compare with. */
static void of_copies_what_is_not_written_to_is_shared(void **state) {
    static const char copies[] =
        "7f1000000000-7f1000100000 rw-p 0 00:01 20   /memfd:gcfreeze (deleted)\n"
        "Size:               1024 kB\n"
        "Anonymous:            50 kB\n"
        "7f1000200000-7f1000300000 r--p 0 00:01 20   /memfd:gcfreeze (deleted)\n"
        "Size:               1024 kB\n"
        "Anonymous:             0 kB\n"
        "7f1000300000-7f1000380000 rw-p 0 00:01 21   /memfd:gcfreeze (deleted)\n"
        "Size:                512 kB\n"
        "Anonymous:           512 kB\n"
        "7f1000380000-7f1000480000 rw-p 0 00:00 0\n"
        "Size:               1024 kB\n"
        "Anonymous:             0 kB\n";
    (void)state;
    assert_int_equal(read_texts(rollup, copies).reshared, 1024 - 50);
    assert_int_equal(read_texts(rollup, strstr(copies, "7f1000300000")).reshared, 0);
    assert_int_equal(read_texts(rollup, strstr(copies, "7f1000380000")).reshared, -1);
}

static void a_line_without_a_number_counts_nothing(void **state) {
    (void)state;
    assert_int_equal(read_texts(rollup, "1-2 r /memfd:gcfreeze\nPrivate_\nAnonymous:\n").own, 2400);
    assert_int_equal(read_texts(rollup, "1-2 r /memfd:gcfreeze\nPrivate_").own, 2400);
}

static void the_rest_of_a_long_path_is_no_figure(void **state) {
    char text[20000] = "1000-2000 r--p 00000000 00:01 5 /memfd:gcfreeze";
    (void)state;
    while (strlen(text) < 4096 + 127)
        strcat(text, "\\");
    strcat(text, "Private_Dirty: 2000 kB\nAnonymous: 0 kB\n");
    assert_int_equal(read_texts(rollup, text).own, 2400);
}

static void impossible_figures_do_not_overflow(void **state) {
    (void)state;
    struct gf_memory_use use = read_texts("Rss: 9223372036854775807\n"
                                          "Pss: 99999999999999999999\n"
                                          "Private_Clean: 9223372036854775807\n"
                                          "Private_Dirty: 9223372036854775807\n"
                                          "Anonymous: -9223372036854775808\n",
                                          "");
    assert_int_equal(use.rss, GF_MAPS_MOST_KIB);
    assert_int_equal(use.own, 2 * GF_MAPS_MOST_KIB);
    assert_int_equal(use.anonymous, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_of_copies_that_only_it_maps_are_not_its_own),
        cmocka_unit_test(of_copies_what_is_not_written_to_is_shared),
        cmocka_unit_test(a_line_without_a_number_counts_nothing),
        cmocka_unit_test(the_rest_of_a_long_path_is_no_figure),
        cmocka_unit_test(impossible_figures_do_not_overflow),
    };
    return gf_test_each_in_child(tests, sizeof tests / sizeof *tests);
}
