#include "support/child.h"

#include <string.h>

#include "gcfreeze.h"

static void every_reason_has_a_word_of_its_own(void **state) {
    (void)state;
    for (int32_t i = 0; i < GCFREEZE_REASON_COUNT; i++) {
        const char *word = gcfreeze_reason_name(i);
        assert_non_null(word);
        assert_int_equal(strspn(word, "abcdefghijklmnopqrstuvwxyz-"), strlen(word));
        assert_true(strlen(word) > 0);
        for (int32_t other = 0; other < i; other++)
            assert_string_not_equal(word, gcfreeze_reason_name(other));
    }
}

static void a_number_that_is_no_reason_has_no_word(void **state) {
    (void)state;
    assert_null(gcfreeze_reason_name(-1));
    assert_null(gcfreeze_reason_name(GCFREEZE_REASON_COUNT));
    assert_null(gcfreeze_reason_name(INT32_MAX));
    assert_null(gcfreeze_reason_name(INT32_MIN));
}

/* The numbers are part of the ABI: this list may grow at its end and never change otherwise. */
static const char *const words[] = {
    "none",           "first-worker-fork", "heap-grown",      "every-fork",    "exec-bound",
    "nothing-new",    "policy-never",      "policy-first",    "policy-after",  "disabled",
    "filtered",       "no-interpreter",    "unsupported",     "free-threaded", "not-initialized",
    "finalizing",     "sub-interpreters",  "no-thread-state", "gil-taken",     "extension",
    "signal-handler", "concurrent",        "unwinding-off",   "python-error",
};

static void numbers_stay_what_they_are(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        assert_string_equal(gcfreeze_reason_name((int32_t)i), words[i]);
    assert_in_range(GCFREEZE_REASON_COUNT, sizeof words / sizeof *words, GCFREEZE_REASON_ROOM);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reason_has_a_word_of_its_own),
        cmocka_unit_test(a_number_that_is_no_reason_has_no_word),
        cmocka_unit_test(numbers_stay_what_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
