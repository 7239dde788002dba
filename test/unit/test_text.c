#include "support/child.h"

#include <limits.h>
#include <string.h>

#include "base/text.h"

static void adding_past_the_end_truncates(void **state) {
    char buffer[4];
    struct gf_text text;
    (void)state;
    gf_text_init(&text, buffer, sizeof buffer);
    gf_text_add(&text, "abc");
    assert_false(text.truncated);
    gf_text_add(&text, "def");
    assert_string_equal(buffer, "abc");
    assert_int_equal(text.length, 3);
    assert_true(text.truncated);
}

static void a_buffer_of_one_byte_stays_terminated(void **state) {
    char buffer[1] = {'x'};
    struct gf_text text;
    (void)state;
    gf_text_init(&text, buffer, sizeof buffer);
    gf_text_add_long(&text, 42);
    assert_string_equal(buffer, "");
    assert_true(text.truncated);
}

static void numbers_keep_sign_and_width(void **state) {
    char buffer[128];
    struct gf_text text;
    (void)state;
    gf_text_init(&text, buffer, sizeof buffer);
    gf_text_add_long(&text, LONG_MIN);
    gf_text_add_char(&text, ' ');
    gf_text_add_long(&text, LONG_MAX);
    gf_text_add_char(&text, ' ');
    gf_text_add_long(&text, 0);
    gf_text_add_char(&text, ' ');
    gf_text_add_padded(&text, 7, 3);
    gf_text_add_char(&text, ' ');
    gf_text_add_padded(&text, 1234, 3);
    gf_text_add_char(&text, ' ');
    gf_text_add_padded(&text, ULONG_MAX, 1);
    assert_string_equal(buffer,
                        "-9223372036854775808 9223372036854775807 0 007 1234 18446744073709551615");
}

static void a_width_beyond_every_number_is_cut(void **state) {
    char buffer[64];
    struct gf_text text;
    (void)state;
    gf_text_init(&text, buffer, sizeof buffer);
    gf_text_add_padded(&text, 1, 1000);
    assert_string_equal(buffer, "00000000000000000000001");
}

static const struct {
    const char *raw, *plain, *json;
} escapes[] = {
    {"", "", "\"\""},
    {"gunicorn", "gunicorn", "\"gunicorn\""},
    {"a b~", "a b~", "\"a b~\""},
    {"C:\\x", "C:\\x5cx", "\"C:\\\\x\""},
    {"\n\t\x01\x1f\x7f", "\\x0a\\x09\\x01\\x1f\\x7f", "\"\\u000a\\u0009\\u0001\\u001f\\u007f\""},
    /* UTF-8 of two, three and four bytes stays in JSON */
    {"\xc3\xa9", "\\xc3\\xa9", "\"\xc3\xa9\""},
    {"\xe2\x82\xac", "\\xe2\\x82\\xac", "\"\xe2\x82\xac\""},
    {"\xf0\x9f\x90\x8d", "\\xf0\\x9f\\x90\\x8d", "\"\xf0\x9f\x90\x8d\""},
    /* the ends of each length, and of what Unicode allows around the surrogates */
    {"\xc2\x80", "\\xc2\\x80", "\"\xc2\x80\""},
    {"\xe0\xa0\x80", "\\xe0\\xa0\\x80", "\"\xe0\xa0\x80\""},
    {"\xf0\x90\x80\x80", "\\xf0\\x90\\x80\\x80", "\"\xf0\x90\x80\x80\""},
    {"\xed\x9f\xbf", "\\xed\\x9f\\xbf", "\"\xed\x9f\xbf\""},
    {"\xee\x80\x80", "\\xee\\x80\\x80", "\"\xee\x80\x80\""},
    {"\xf4\x8f\xbf\xbf", "\\xf4\\x8f\\xbf\\xbf", "\"\xf4\x8f\xbf\xbf\""},
};

#define BAD "\xef\xbf\xbd" /* U+FFFD */

static const struct {
    const char *what, *raw, *json;
} no_utf8[] = {
    {"a continuation byte alone", "\x80", "\"" BAD "\""},
    {"a byte that starts nothing", "\xff", "\"" BAD "\""},
    {"cut at the end", "\xe2\x82", "\"" BAD BAD "\""},
    {"cut in the middle", "\xc3(", "\"" BAD "(\""},
    {"overlong, two bytes", "\xc0\xaf", "\"" BAD BAD "\""},
    {"overlong, three bytes", "\xe0\x9f\xbf", "\"" BAD BAD BAD "\""},
    {"overlong, four bytes", "\xf0\x8f\xbf\xbf", "\"" BAD BAD BAD BAD "\""},
    {"a high surrogate", "\xed\xa0\x80", "\"" BAD BAD BAD "\""},
    {"a low surrogate", "\xed\xbf\xbf", "\"" BAD BAD BAD "\""},
    {"beyond U+10FFFF", "\xf4\x90\x80\x80", "\"" BAD BAD BAD BAD "\""},
    {"a sequence of five", "\xf8\x88\x80\x80\x80", "\"" BAD BAD BAD BAD BAD "\""},
};

static void strings_are_escaped_for_people_and_for_json(void **state) {
    char buffer[64];
    struct gf_text text;
    (void)state;
    for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++) {
        gf_text_init(&text, buffer, sizeof buffer);
        gf_text_add_plain(&text, escapes[i].raw);
        assert_string_equal(buffer, escapes[i].plain);
        gf_text_init(&text, buffer, sizeof buffer);
        gf_text_add_json(&text, escapes[i].raw);
        assert_string_equal(buffer, escapes[i].json);
    }
}

static void what_is_no_utf8_is_replaced_in_json(void **state) {
    char buffer[64];
    struct gf_text text;
    (void)state;
    for (size_t i = 0; i < sizeof no_utf8 / sizeof *no_utf8; i++) {
        gf_text_init(&text, buffer, sizeof buffer);
        gf_text_add_json(&text, no_utf8[i].raw);
        if (strcmp(buffer, no_utf8[i].json) != 0)
            fail_msg("%s", no_utf8[i].what);
    }
}

static void quotes_cannot_end_a_quoted_field(void **state) {
    char buffer[64];
    struct gf_text text;
    (void)state;
    gf_text_init(&text, buffer, sizeof buffer);
    gf_text_add_plain(&text, "a\" b=\"");
    assert_string_equal(buffer, "a\\x22 b=\\x22");
    gf_text_init(&text, buffer, sizeof buffer);
    gf_text_add_json(&text, "a\"");
    assert_string_equal(buffer, "\"a\\\"\"");
}

static void comparing_ignores_the_case_of_ascii_only(void **state) {
    (void)state;
    assert_true(gf_text_equal_nocase("", ""));
    assert_true(gf_text_equal_nocase("AuTo", "aUtO"));
    assert_false(gf_text_equal_nocase("auto", "aut"));
    assert_false(gf_text_equal_nocase("aut", "auto"));
    /* 0x20 apart like letters are, but none */
    assert_false(gf_text_equal_nocase("@[", "`{"));
    assert_false(gf_text_equal_nocase("\xc9", "\xe9"));
}

static const struct {
    const char *text;
    long lower, upper;
    bool good;
    long value;
} numbers[] = {
    {"0", 0, 10, true, 0},
    {"10", 0, 10, true, 10},
    {"11", 0, 10, false, 0},
    {"-1", 0, 10, false, 0},
    {"-1", -1, 10, true, -1},
    {"-2", -1, 10, false, 0},
    {"-0", 0, 10, true, 0},
    {"007", 0, 10, true, 7},
    {"9223372036854775807", 0, LONG_MAX, true, LONG_MAX},
    {"9223372036854775808", 0, LONG_MAX, false, 0},
    {"18446744073709551617", 0, LONG_MAX, false, 0},
    {"99999999999999999999999999999999", 0, LONG_MAX, false, 0},
    {"-99999999999999999999999999999999", LONG_MIN, LONG_MAX, false, 0},
    {"", 0, 10, false, 0},
    {"-", LONG_MIN, LONG_MAX, false, 0},
    {"--1", LONG_MIN, LONG_MAX, false, 0},
    {"+5", 0, 10, false, 0},
    {" 5", 0, 10, false, 0},
    {"5 ", 0, 10, false, 0},
    {"5x", 0, 10, false, 0},
    {"0x5", 0, 10, false, 0},
    {"5.0", 0, 10, false, 0},
    {"1e3", 0, 10000, false, 0},
    {"\xd9\xa5", 0, 10, false, 0}, /* a digit of another script */
};

static void numbers_are_whole_decimal_and_within_bounds(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        long value = -77;
        bool good = gf_text_parse_long(numbers[i].text, numbers[i].lower, numbers[i].upper, &value);
        if (good != numbers[i].good || value != (good ? numbers[i].value : -77))
            fail_msg("\"%s\": %d, %ld", numbers[i].text, good, value);
    }
}

static const struct {
    const char *pattern, *name;
    bool match;
} globs[] = {
    {"gunicorn", "gunicorn", true},
    {"gunicorn", "gunicorn3", false},
    {"gunicorn3", "gunicorn", false},
    {"", "", true},
    {"", "a", false},
    {"*", "", true},
    {"*", "anything", true},
    {"?", "a", true},
    {"?", "", false},
    {"?", "ab", false},
    {"python3.?*", "python3.13", true},
    {"python3.?*", "python3.", false},
    {"*.py", "a.py", true},
    {"*.py", "a.pyc", false},
    {"*.py", "a.py.py", true},
    {"g*n", "gunicorn", true},
    {"g*i*n", "gunicorn", true},
    {"g*x*n", "gunicorn", false},
    {"**a**", "bab", true},
    {"a*", "ba", false},
    {"[a]", "a", false}, /* nothing else is special */
    {"[a]", "[a]", true},
    {"\\*", "*", false},
    {"A", "a", false},
    {"*aaaaaaaaaab", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", true},
};

static void a_number_is_read_as_far_as_it_goes(void **state) {
    (void)state;
    assert_int_equal(gf_text_number("12"), 12);
    assert_int_equal(gf_text_number(" \t 7 kB\n8"), 7);
    assert_int_equal(gf_text_number("18446744073709551615"), UINT64_MAX);
    assert_int_equal(gf_text_number("max"), 0);
    assert_int_equal(gf_text_number("-1"), 0);
    assert_int_equal(gf_text_number(""), 0);
}

static void globs_match_the_whole_name(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof globs / sizeof *globs; i++) {
        if (gf_text_glob(globs[i].pattern, strlen(globs[i].pattern), globs[i].name) !=
            globs[i].match)
            fail_msg("%s on %s", globs[i].pattern, globs[i].name);
    }
}

static void a_glob_ends_where_its_length_says(void **state) {
    (void)state;
    assert_true(gf_text_glob("abc,*", 3, "abc"));
    assert_false(gf_text_glob("abc,*", 3, "abc,d"));
    assert_false(gf_text_glob("abc*", 3, "abcd"));
}

static void one_of_several_globs_is_enough(void **state) {
    (void)state;
    assert_true(gf_text_any_glob("abc", "abc"));
    assert_true(gf_text_any_glob(" x , ab* ", "abc"));
    assert_true(gf_text_any_glob(",abc,", "abc"));
    assert_false(gf_text_any_glob("x, ab", "abc"));
    assert_false(gf_text_any_glob("", "abc"));
    assert_false(gf_text_any_glob(" ,,", "abc"));
    assert_false(gf_text_any_glob("*", ""));
}

static void distance_counts_letters_to_change(void **state) {
    (void)state;
    assert_int_equal(gf_text_distance("", ""), 0);
    assert_int_equal(gf_text_distance("", "abc"), 3);
    assert_int_equal(gf_text_distance("abc", ""), 3);
    assert_int_equal(gf_text_distance("GCFREEZE_WHEN", "gcfreeze_when"), 0);
    assert_int_equal(gf_text_distance("kitten", "sitting"), 3);
    assert_int_equal(gf_text_distance("WHNE", "WHEN"), 2);
}

static void words_too_long_to_compare_are_far_away(void **state) {
    static const char of_32[] = "abcdefghijklmnopqrstuvwxyzabcdef";
    static const char of_33[] = "abcdefghijklmnopqrstuvwxyzabcdefg";
    (void)state;
    assert_int_equal(gf_text_distance(of_32, of_32), 0);
    assert_int_equal(gf_text_distance(of_33, of_33), SIZE_MAX);
    assert_int_equal(gf_text_distance(of_32, of_33), SIZE_MAX);
}

static void entries_of_a_list_come_without_blanks(void **state) {
    const char *list = " one,two ,, three four ,";
    static const char *const entries[] = {"one", "two", "three four"};
    size_t length = 0;
    (void)state;
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        const char *entry = gf_text_entry(&list, &length);
        assert_non_null(entry);
        assert_int_equal(length, strlen(entries[i]));
        assert_memory_equal(entry, entries[i], length);
    }
    assert_null(gf_text_entry(&list, &length));
    assert_string_equal(list, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_of_a_list_come_without_blanks),
        cmocka_unit_test(adding_past_the_end_truncates),
        cmocka_unit_test(a_buffer_of_one_byte_stays_terminated),
        cmocka_unit_test(numbers_keep_sign_and_width),
        cmocka_unit_test(a_width_beyond_every_number_is_cut),
        cmocka_unit_test(strings_are_escaped_for_people_and_for_json),
        cmocka_unit_test(what_is_no_utf8_is_replaced_in_json),
        cmocka_unit_test(quotes_cannot_end_a_quoted_field),
        cmocka_unit_test(comparing_ignores_the_case_of_ascii_only),
        cmocka_unit_test(numbers_are_whole_decimal_and_within_bounds),
        cmocka_unit_test(a_number_is_read_as_far_as_it_goes),
        cmocka_unit_test(globs_match_the_whole_name),
        cmocka_unit_test(a_glob_ends_where_its_length_says),
        cmocka_unit_test(one_of_several_globs_is_enough),
        cmocka_unit_test(distance_counts_letters_to_change),
        cmocka_unit_test(words_too_long_to_compare_are_far_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
