#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>

#include "base/text.h"

static void adding_past_the_end_truncates(void **state) {
    char buffer[4];
    struct gf_text text;
    (void)state;
    gf_text_init(&text, buffer, sizeof buffer);
    gf_text_add(&text, "abcdef");
    assert_string_equal(buffer, "abc");
    assert_true(text.truncated);
}

static void numbers_keep_sign_and_width(void **state) {
    char buffer[64];
    struct gf_text text;
    (void)state;
    gf_text_init(&text, buffer, sizeof buffer);
    gf_text_add_long(&text, LONG_MIN);
    gf_text_add_char(&text, ' ');
    gf_text_add_padded(&text, 7, 3);
    assert_string_equal(buffer, "-9223372036854775808 007");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adding_past_the_end_truncates),
        cmocka_unit_test(numbers_keep_sign_and_width),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
