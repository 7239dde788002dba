#include "support/child.h"

#include <stdio.h>
#include <string.h>

#include "cpython/versions.h"

enum { OLD = GF_OLDER, NEW = GF_NEWER, YES = GF_SUPPORTED };

static const struct {
    const char *text;
    int support;
    int major, minor; /* of the row; 0 where there is none */
} texts[] = {
    {"3.8.0 (default, Oct 14 2019, 21:00:00) \n[GCC 9.2.1]", YES, 3, 8},
    {"3.9.18 (main)", YES, 3, 9},
    {"3.10.0", YES, 3, 10},
    {"3.11.2 (main, Mar 13 2023, 12:18:29) [GCC 12.2.0]", YES, 3, 11},
    {"3.12.1+ (heads/3.12:abc)", YES, 3, 12},
    {"3.13.0rc3 (main)", YES, 3, 13},
    {"3.14.10 (main)", YES, 3, 14},
    {"3.15.2 (main)", YES, 3, 15},
    {"3.16.0a1 (main)", NEW, 3, 15},
    {"3.99.0", NEW, 3, 15},
    {"4.0", NEW, 3, 15},
    {"10.1.0", NEW, 3, 15},
    {"3.7.17 (default)", OLD, 0, 0},
    {"3.0", OLD, 0, 0},
    {"2.7.18 (default)", OLD, 0, 0},
    {"2.99", OLD, 0, 0},
    {"3.13.0 experimental free-threading build (main) [GCC]", YES, 3, 13},
    {"3.14.0 free-threading build (main) [GCC]", YES, 3, 14},
    {"3.99.0 free-threading build (main) [GCC]", NEW, 3, 15},
    {"", OLD, 0, 0},
    {"3", OLD, 0, 0},
    {"3.", OLD, 0, 0},
    {".13", OLD, 0, 0},
    {"-3.13", OLD, 0, 0},
    {"3.-13", OLD, 0, 0},
    {" 3.13", OLD, 0, 0},
    {"PyPy 3.10", OLD, 0, 0},
    {"3.99999999999999999999", NEW, 3, 15},
};

static void version_texts_are_judged(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const struct gf_version untouched = {.major = 0, .minor = 0};
        const struct gf_version *version = &untouched;
        enum gf_support support = gf_version_judge(texts[i].text, &version);
        if ((int)support != texts[i].support || version->major != texts[i].major ||
            version->minor != texts[i].minor)
            fail_msg("\"%s\": %d, %d.%d", texts[i].text, (int)support, version->major,
                     version->minor);
        assert_int_equal(gf_version_free_threaded(texts[i].text),
                         strstr(texts[i].text, "free-threading") != NULL);
    }
}

static gf_thread *answer_old(void) {
    return (gf_thread *)(uintptr_t)0x38;
}

static gf_thread *answer_new(void) {
    return (gf_thread *)(uintptr_t)0x313;
}

static void each_version_asks_the_symbol_it_has(void **state) {
    const struct gf_api both = {._PyThreadState_UncheckedGet = answer_old,
                                .PyThreadState_GetUnchecked = answer_new};
    const struct gf_api only_old = {._PyThreadState_UncheckedGet = answer_old};
    const struct gf_api only_new = {.PyThreadState_GetUnchecked = answer_new};
    (void)state;
    for (int minor = 8; minor <= 15; minor++) {
        char text[16];
        const struct gf_version *version = NULL;
        bool old = minor < 13;
        snprintf(text, sizeof text, "3.%d.1", minor);
        assert_int_equal(gf_version_judge(text, &version), GF_SUPPORTED);
        assert_ptr_equal(gf_version_current(version, &both), old ? answer_old() : answer_new());
        assert_null(gf_version_missing(version, old ? &only_old : &only_new));
        assert_string_equal(gf_version_missing(version, old ? &only_new : &only_old),
                            old ? "_PyThreadState_UncheckedGet" : "PyThreadState_GetUnchecked");
        assert_int_equal(version->current_is_own, minor >= 12);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_texts_are_judged),
        cmocka_unit_test(each_version_asks_the_symbol_it_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
