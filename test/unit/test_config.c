/* Values: each knob, good and bad. */
#include "support/child.h"

#include <stdio.h>
#include <string.h>

#include "support/told.h"

/* ---- a knob's value as text ---- */

enum type { BOOL, INT, LONG, WHEN, TEXT, WORDS };

/* Every knob: the type of its field, and its default. */
static const struct {
    const char *name;
    enum type type;
    const char *initial;
} knobs[] = {
    {"GCFREEZE", BOOL, "true"},      {"GCFREEZE_MODE", INT, "0"},
    {"GCFREEZE_WHEN", WHEN, "0"},    {"GCFREEZE_MIN_NEW", LONG, "10000"},
    {"GCFREEZE_STARTUP", INT, "0"},  {"GCFREEZE_DEFER", LONG, "1000000"},
    {"GCFREEZE_PARENT", INT, "0"},   {"GCFREEZE_COLLECT", INT, "0"},
    {"GCFREEZE_RESHARE", LONG, "0"}, {"GCFREEZE_RESHARE_THREADS", BOOL, "false"},
    {"GCFREEZE_WARMUP", WORDS, ""},  {"GCFREEZE_WARMUP_SECONDS", LONG, "30"},
    {"GCFREEZE_ONLY", TEXT, ""},     {"GCFREEZE_SKIP", TEXT, ""},
    {"GCFREEZE_EXEC", INT, "0"},     {"GCFREEZE_LOG", INT, "2"},
    {"GCFREEZE_LOG_FILE", TEXT, ""}, {"GCFREEZE_LOG_FORMAT", INT, "0"},
};
enum { KNOB_COUNT = sizeof knobs / sizeof *knobs };

static const struct gf_knob *knob_of(const char *name) {
    for (size_t i = 0; i < gf_knob_count; i++) {
        if (strcmp(gf_knobs[i].name, name) == 0)
            return &gf_knobs[i];
    }
    fail_msg("no knob is called %s", name);
    return NULL;
}

static enum type type_of(const char *name) {
    size_t i = 0;
    while (i < KNOB_COUNT - 1 && strcmp(knobs[i].name, name) != 0)
        i++;
    assert_string_equal(knobs[i].name, name);
    return knobs[i].type;
}

static bool is_free_text(enum type type) {
    return type == TEXT || type == WORDS;
}

static const char *shown(const struct gf_config *config, const char *name) {
    static char text[GF_CONFIG_TEXT_SIZE];
    const void *field = (const char *)config + knob_of(name)->offset;
    const struct gf_when *when = field;
    switch (type_of(name)) {
    case BOOL:
        return *(const bool *)field ? "true" : "false";
    case INT:
        snprintf(text, sizeof text, "%d", *(const int *)field);
        break;
    case LONG:
        snprintf(text, sizeof text, "%ld", *(const long *)field);
        break;
    case WHEN:
        snprintf(text, sizeof text, when->kind == GF_WHEN_AFTER ? "%d:%ld" : "%d", (int)when->kind,
                 when->after);
        break;
    case WORDS:
        return *(const char *const *)field;
    case TEXT:
        snprintf(text, sizeof text, "%s", (const char *)field);
        break;
    }
    return text;
}

static void assert_defaults(const struct gf_config *config) {
    for (size_t i = 0; i < KNOB_COUNT; i++)
        assert_string_equal(shown(config, knobs[i].name), knobs[i].initial);
}

/* ---- values ---- */

/* NULL: the value is refused. */
static const struct {
    const char *name, *value, *expected;
} values[] = {
    {"GCFREEZE", "0", "false"},
    {"GCFREEZE", "1", "true"},
    {"GCFREEZE", "off", "false"},
    {"GCFREEZE", "on", "true"},
    {"GCFREEZE", "false", "false"},
    {"GCFREEZE", "true", "true"},
    {"GCFREEZE", "no", "false"},
    {"GCFREEZE", "yes", "true"},
    {"GCFREEZE", "2", NULL},
    {"GCFREEZE", "00", NULL},
    {"GCFREEZE", "-1", NULL},
    {"GCFREEZE", "y", NULL},
    {"GCFREEZE", "on ", NULL},
    {"GCFREEZE", " on", NULL},
    {"GCFREEZE", "enabled", NULL},

    {"GCFREEZE_MODE", "auto", "0"},
    {"GCFREEZE_MODE", "freeze", "1"},
    {"GCFREEZE_MODE", "immortal", "2"},
    {"GCFREEZE_MODE", "immorta", NULL},
    {"GCFREEZE_MODE", "immortals", NULL},
    {"GCFREEZE_MODE", "freeze, immortal", NULL},
    {"GCFREEZE_MODE", "freeze,", NULL},
    {"GCFREEZE_MODE", " freeze", NULL},
    {"GCFREEZE_MODE", "0", NULL},

    {"GCFREEZE_WHEN", "auto", "0"},
    {"GCFREEZE_WHEN", "first", "1"},
    {"GCFREEZE_WHEN", "every", "2"},
    {"GCFREEZE_WHEN", "never", "4"},
    {"GCFREEZE_WHEN", "after:0", "3:0"},
    {"GCFREEZE_WHEN", "after:1", "3:1"},
    {"GCFREEZE_WHEN", "after:1000000000", "3:1000000000"},
    {"GCFREEZE_WHEN", "after:1000000001", NULL},
    {"GCFREEZE_WHEN", "after:99999999999999999999", NULL},
    {"GCFREEZE_WHEN", "after:-1", NULL},
    {"GCFREEZE_WHEN", "after:+1", NULL},
    {"GCFREEZE_WHEN", "after: 1", NULL},
    {"GCFREEZE_WHEN", "after:1x", NULL},
    {"GCFREEZE_WHEN", "after:", NULL},
    {"GCFREEZE_WHEN", "after", NULL},
    {"GCFREEZE_WHEN", "after1", NULL},
    {"GCFREEZE_WHEN", "always", NULL},

    {"GCFREEZE_MIN_NEW", "0", "0"},
    {"GCFREEZE_MIN_NEW", "-0", "0"},
    {"GCFREEZE_MIN_NEW", "1000000000", "1000000000"},
    {"GCFREEZE_MIN_NEW", "1000000001", NULL},
    {"GCFREEZE_MIN_NEW", "-1", NULL},
    {"GCFREEZE_MIN_NEW", "9223372036854775808", NULL},
    {"GCFREEZE_MIN_NEW", "+5", NULL},
    {"GCFREEZE_MIN_NEW", " 5", NULL},
    {"GCFREEZE_MIN_NEW", "5x", NULL},
    {"GCFREEZE_MIN_NEW", "10k", NULL},
    {"GCFREEZE_MIN_NEW", "off", NULL},

    {"GCFREEZE_STARTUP", "auto", "0"},
    {"GCFREEZE_STARTUP", "defer", "1"},
    {"GCFREEZE_STARTUP", "disable", "2"},
    {"GCFREEZE_STARTUP", "keep", "3"},
    {"GCFREEZE_STARTUP", "disabled", NULL},

    {"GCFREEZE_DEFER", "1", "1"},
    {"GCFREEZE_DEFER", "2000000000", "2000000000"},
    {"GCFREEZE_DEFER", "2000000001", NULL},
    {"GCFREEZE_DEFER", "0", NULL},
    {"GCFREEZE_DEFER", "-0", NULL},

    {"GCFREEZE_PARENT", "restore", "0"},
    {"GCFREEZE_PARENT", "keep", "1"},
    {"GCFREEZE_PARENT", "stay", NULL},

    {"GCFREEZE_COLLECT", "repeat", "0"},
    {"GCFREEZE_COLLECT", "always", "1"},
    {"GCFREEZE_COLLECT", "never", "2"},
    {"GCFREEZE_COLLECT", "no", NULL},

    {"GCFREEZE_RESHARE", "off", "0"},
    {"GCFREEZE_RESHARE", "no", "0"},
    {"GCFREEZE_RESHARE", "0", "0"},
    {"GCFREEZE_RESHARE", "on", "10"},
    {"GCFREEZE_RESHARE", "yes", "10"},
    {"GCFREEZE_RESHARE", "1", "1"}, /* a second, not a boolean */
    {"GCFREEZE_RESHARE", "86400", "86400"},
    {"GCFREEZE_RESHARE", "86401", NULL},
    {"GCFREEZE_RESHARE", "-1", NULL},
    {"GCFREEZE_RESHARE", "1.5", NULL},
    {"GCFREEZE_RESHARE", "10s", NULL},

    {"GCFREEZE_RESHARE_THREADS", "on", "true"},
    {"GCFREEZE_RESHARE_THREADS", "off", "false"},
    {"GCFREEZE_RESHARE_THREADS", "2", NULL},

    {"GCFREEZE_ONLY", "gunicorn,uwsgi*", "gunicorn,uwsgi*"},
    {"GCFREEZE_ONLY", ",, ,", ",, ,"},
    {"GCFREEZE_ONLY", "caf\xc3\xa9", "caf\xc3\xa9"},
    {"GCFREEZE_SKIP", "pip*", "pip*"},

    {"GCFREEZE_WARMUP", "/ /a?b=c shop.warm:up", "/ /a?b=c shop.warm:up"},
    {"GCFREEZE_WARMUP", "what the library cannot know", "what the library cannot know"},
    {"GCFREEZE_WARMUP_SECONDS", "1", "1"},
    {"GCFREEZE_WARMUP_SECONDS", "3600", "3600"},
    {"GCFREEZE_WARMUP_SECONDS", "0", NULL},
    {"GCFREEZE_WARMUP_SECONDS", "3601", NULL},
    {"GCFREEZE_WARMUP_SECONDS", "soon", NULL},

    {"GCFREEZE_EXEC", "keep", "0"},
    {"GCFREEZE_EXEC", "strip", "1"},
    {"GCFREEZE_EXEC", "drop", NULL},

    {"GCFREEZE_LOG", "none", "0"},
    {"GCFREEZE_LOG", "error", "1"},
    {"GCFREEZE_LOG", "warn", "2"},
    {"GCFREEZE_LOG", "info", "3"},
    {"GCFREEZE_LOG", "debug", "4"},
    {"GCFREEZE_LOG", "warning", NULL},
    {"GCFREEZE_LOG", "3", NULL},

    {"GCFREEZE_LOG_FILE", "/var/log/gcfreeze.%p", "/var/log/gcfreeze.%p"},
    {"GCFREEZE_LOG_FILE", "gcfreeze.log", NULL},
    {"GCFREEZE_LOG_FILE", "./gcfreeze.log", NULL},
    {"GCFREEZE_LOG_FILE", " /tmp/log", NULL},

    {"GCFREEZE_LOG_FORMAT", "text", "0"},
    {"GCFREEZE_LOG_FORMAT", "json", "1"},
    {"GCFREEZE_LOG_FORMAT", "yaml", NULL},
};
enum { VALUE_COUNT = sizeof values / sizeof *values };

/* The line of a refused value: variable, value, what is allowed, what is used instead. */
static void assert_refused(const struct gf_config *config, const char *name, const char *value) {
    const struct gf_knob *knob = knob_of(name);
    if (gf_told_count != 1)
        fail_msg("%s=%s: %zu complaints", name, value, gf_told_count);
    assert_defaults(config);
    char start[GF_TOLD_LINE_SIZE], end[GF_TOLD_LINE_SIZE];
    snprintf(start, sizeof start, "%s=\"", name);
    snprintf(end, sizeof end, "\" is not allowed; allowed: %s; using the default %s", knob->values,
             knob->default_text[0] ? knob->default_text : "(empty)");
    assert_memory_equal(gf_told[0], start, strlen(start));
    assert_string_equal(gf_told[0] + strlen(gf_told[0]) - strlen(end), end);
    assert_non_null(strstr(gf_told[0], value));
}

static void every_value_is_taken_or_refused_with_a_line(void **state) {
    (void)state;
    for (size_t i = 0; i < VALUE_COUNT; i++) {
        const char *name = values[i].name;
        struct gf_config config = gf_told_read_one(name, values[i].value);
        if (!values[i].expected) {
            assert_refused(&config, name, values[i].value);
        } else if (gf_told_count != 0 || strcmp(shown(&config, name), values[i].expected) != 0) {
            fail_msg("%s=%s: %s, %s", name, values[i].value, shown(&config, name), gf_told[0]);
        }
    }
}

static void every_knob_has_rows(void **state) {
    (void)state;
    assert_int_equal(gf_knob_count, KNOB_COUNT);
    for (size_t i = 0; i < KNOB_COUNT; i++) {
        size_t good = 0, bad = 0;
        for (size_t v = 0; v < VALUE_COUNT; v++) {
            if (strcmp(values[v].name, knobs[i].name) == 0)
                *(values[v].expected ? &good : &bad) += 1;
        }
        bool anything_goes = is_free_text(knobs[i].type);
        if (good == 0 || (bad == 0 && !anything_goes))
            fail_msg("%s: %zu good values, %zu bad ones", knobs[i].name, good, bad);
    }
}

static void words_are_taken_in_any_case(void **state) {
    (void)state;
    for (size_t i = 0; i < VALUE_COUNT; i++) {
        char loud[64];
        size_t length = strlen(values[i].value);
        if (!values[i].expected || is_free_text(type_of(values[i].name)))
            continue;
        assert_true(length < sizeof loud);
        for (size_t c = 0; c <= length; c++) {
            char letter = values[i].value[c];
            loud[c] = (char)(letter >= 'a' && letter <= 'z' ? letter - 'a' + 'A' : letter);
        }
        struct gf_config config = gf_told_read_one(values[i].name, loud);
        assert_string_equal(shown(&config, values[i].name), values[i].expected);
        assert_int_equal(gf_told_count, 0);
    }
}

static void nothing_set_means_the_defaults(void **state) {
    (void)state;
    struct gf_config config = gf_told_read((char *[]){NULL}, false);
    assert_int_equal(gf_told_count, 0);
    assert_defaults(&config);
    struct gf_config without = gf_told_read(NULL, false);
    assert_defaults(&without);
}

static void an_empty_value_means_not_set(void **state) {
    (void)state;
    for (size_t i = 0; i < KNOB_COUNT; i++) {
        struct gf_config config = gf_told_read_one(knobs[i].name, "");
        assert_defaults(&config);
        assert_int_equal(gf_told_count, 0);
    }
}

static void a_huge_value_is_refused_and_shown_cut(void **state) {
    enum { HUGE_SIZE = 100000 };
    static char huge[HUGE_SIZE + 1];
    (void)state;
    memset(huge, '1', HUGE_SIZE);
    huge[0] = '/'; /* a path, too */
    for (size_t i = 0; i < KNOB_COUNT; i++) {
        struct gf_config config = gf_told_read_one(knobs[i].name, huge);
        assert_refused(&config, knobs[i].name, "11111...\"");
    }
}

static void bytes_outside_ascii_are_refused_and_shown_in_hex(void **state) {
    (void)state;
    for (size_t i = 0; i < KNOB_COUNT; i++) {
        if (is_free_text(knobs[i].type) && strcmp(knobs[i].name, "GCFREEZE_LOG_FILE") != 0)
            continue; /* patterns and words may hold them */
        struct gf_config config = gf_told_read_one(knobs[i].name, "\xc3\xa9\n\"");
        assert_refused(&config, knobs[i].name, "=\"\\xc3\\xa9\\x0a\\x22\"");
    }
}

static void a_text_fits_up_to_its_last_byte(void **state) {
    static const char *const names[] = {"GCFREEZE_ONLY", "GCFREEZE_SKIP", "GCFREEZE_LOG_FILE"};
    char text[GF_CONFIG_TEXT_SIZE + 1];
    (void)state;
    memset(text, '/', sizeof text);
    text[GF_CONFIG_TEXT_SIZE] = '\0';
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct gf_config config = gf_told_read_one(names[i], text + 1);
        assert_string_equal(shown(&config, names[i]), text + 1);
        assert_int_equal(gf_told_count, 0);
        config = gf_told_read_one(names[i], text);
        assert_refused(&config, names[i], "...");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_is_taken_or_refused_with_a_line),
        cmocka_unit_test(every_knob_has_rows),
        cmocka_unit_test(words_are_taken_in_any_case),
        cmocka_unit_test(nothing_set_means_the_defaults),
        cmocka_unit_test(an_empty_value_means_not_set),
        cmocka_unit_test(a_huge_value_is_refused_and_shown_cut),
        cmocka_unit_test(bytes_outside_ascii_are_refused_and_shown_in_hex),
        cmocka_unit_test(a_text_fits_up_to_its_last_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
