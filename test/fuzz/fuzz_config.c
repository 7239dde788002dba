/* The parser of the environment. Input: NAME=value strings with a byte of 0 behind each, as in
 * /proc/PID/environ.
 *
 * - Each field is one that the rows of knobs.def allow.
 * - What is written back from the struct, is read again as the same struct, without complaints.
 * - A setuid program gets the defaults.
 * - A knob does not depend on what stands around its first variable.
 * - Complaints are printable lines, 16 at the most. */
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "core/config.h"
#include "fuzz.h"

enum { VARIABLES = 64, KNOBS = 64, LINE = 512, PROBLEMS = 16 };

/* ---- a field as text: one function per kind of knob ---- */

static void write_FLAG(struct gf_text *text, const bool *value, const struct gf_knob *knob) {
    (void)knob;
    gf_text_add(text, *value ? "on" : "off");
}

static void write_NUMBER(struct gf_text *text, const long *value, const struct gf_knob *knob) {
    GF_FUZZ_CHECK(*value >= knob->lower && *value <= knob->upper);
    gf_text_add_long(text, *value);
}

static void write_SECONDS(struct gf_text *text, const long *value, const struct gf_knob *knob) {
    if (*value == 0)
        gf_text_add(text, "off");
    else
        write_NUMBER(text, value, knob);
}

static void write_CHOICE(struct gf_text *text, const int *value, const struct gf_knob *knob) {
    const char *word = knob->values;
    GF_FUZZ_CHECK(*value >= 0);
    for (int i = 0; i < *value; i++) {
        word = strstr(word, ", ");
        GF_FUZZ_CHECK(word != NULL);
        word += 2;
    }
    gf_text_add_bytes(text, word, strcspn(word, ","));
}

static void write_WHEN(struct gf_text *text, const struct gf_when *value,
                       const struct gf_knob *knob) {
    static const char *const words[] = {"auto", "first", "every", "after:", "never"};
    (void)knob;
    GF_FUZZ_CHECK(value->kind <= GF_WHEN_NEVER);
    gf_text_add(text, words[value->kind]);
    if (value->kind == GF_WHEN_AFTER)
        gf_text_add_long(text, value->after);
    else
        GF_FUZZ_CHECK(value->after == 0);
}

static void write_GLOBS(struct gf_text *text, const char *value, const struct gf_knob *knob) {
    (void)knob;
    GF_FUZZ_CHECK(memchr(value, '\0', GF_CONFIG_TEXT_SIZE) != NULL);
    gf_text_add(text, value);
}

static void write_WORDS(struct gf_text *text, const char *const *value,
                        const struct gf_knob *knob) {
    (void)knob;
    gf_text_add(text, *value);
}

static void write_PATH(struct gf_text *text, const char *value, const struct gf_knob *knob) {
    GF_FUZZ_CHECK(value[0] == '/' || value[0] == '\0');
    write_GLOBS(text, value, knob);
}

#define KNOB(field, kind, name, default_text, lower, upper, values, meaning)                       \
    static void write_##field(struct gf_text *text, const struct gf_config *config,                \
                              const struct gf_knob *knob) {                                        \
        write_##kind(text, (const void *)&config->field, knob);                                    \
    }
#include "core/knobs.def"
#undef KNOB

static void (*const writers[])(struct gf_text *, const struct gf_config *,
                               const struct gf_knob *) = {
#define KNOB(field, kind, name, default_text, lower, upper, values, meaning) write_##field,
#include "core/knobs.def"
#undef KNOB
};

/* ---- */

typedef char written[KNOBS][GF_CONFIG_TEXT_SIZE + 32];

/* NAME=value of every knob, in the order of the rows. */
static void write_all(const struct gf_config *config, written ret) {
    GF_FUZZ_CHECK(gf_knob_count == sizeof writers / sizeof *writers && gf_knob_count < KNOBS);
    for (size_t i = 0; i < gf_knob_count; i++) {
        struct gf_text text;
        gf_text_init(&text, ret[i], sizeof ret[i]);
        gf_text_add(&text, gf_knobs[i].name);
        gf_text_add_char(&text, '=');
        writers[i](&text, config, &gf_knobs[i]);
        GF_FUZZ_CHECK(!text.truncated);
    }
}

static size_t told;

static void count_line(const char *line) {
    size_t length = strlen(line);
    told++;
    GF_FUZZ_CHECK(length > 0 && length < LINE);
    for (size_t i = 0; i < length; i++)
        GF_FUZZ_CHECK(line[i] >= ' ' && line[i] < 127);
}

static size_t read_and_tell(struct gf_config *ret, char *const *environment, bool secure) {
    memset(ret, 0xaa, sizeof *ret);
    gf_config_read(ret, environment, secure);
    told = 0;
    gf_config_tell(count_line);
    GF_FUZZ_CHECK(told <= PROBLEMS);
    return told;
}

static void check_equal(const written a, const written b) {
    for (size_t i = 0; i < gf_knob_count; i++)
        GF_FUZZ_CHECK(strcmp(a[i], b[i]) == 0);
}

static void check_reads_back(const written expected) {
    static written again;
    char *environment[KNOBS + 1] = {NULL};
    struct gf_config config;
    for (size_t i = 0; i < gf_knob_count; i++)
        environment[i] = (char *)expected[i];
    GF_FUZZ_CHECK(read_and_tell(&config, environment, false) == 0);
    write_all(&config, again);
    check_equal(expected, again);
}

static void check_alone(const written expected, char *const *environment) {
    static written alone;
    struct gf_config config;
    for (size_t i = 0; i < gf_knob_count; i++) {
        size_t length = strlen(gf_knobs[i].name);
        char *const *variable = environment;
        while (*variable &&
               (strncmp(*variable, gf_knobs[i].name, length) != 0 || (*variable)[length] != '='))
            variable++;
        char *const only[] = {*variable, NULL};
        read_and_tell(&config, only, false);
        write_all(&config, alone);
        GF_FUZZ_CHECK(strcmp(expected[i], alone[i]) == 0);
    }
}

static void check_admits(const struct gf_config *config, const char *name) {
    const char *const names[] = {name, NULL, ""};
    struct gf_config without = *config;
    without.skip[0] = '\0';
    if (gf_config_admits(config, names, 3)) /* SKIP only takes away */
        GF_FUZZ_CHECK(gf_config_admits(&without, names, 3));
    without.only[0] = '\0';
    GF_FUZZ_CHECK(gf_config_admits(&without, names, 3));
    GF_FUZZ_CHECK(gf_config_admits(config, names + 1, 2) == (config->only[0] == '\0'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static written values, defaults;
    char *environment[VARIABLES + 1] = {NULL};
    char *text = calloc(1, size + 1);
    struct gf_config config;
    if (!text)
        abort();
    memcpy(text, data, size);
    size_t count = 0;
    for (size_t at = 0; at < size && count < VARIABLES; at += strlen(text + at) + 1)
        environment[count++] = text + at;

    GF_FUZZ_CHECK(read_and_tell(&config, NULL, false) == 0);
    write_all(&config, defaults);
    GF_FUZZ_CHECK(read_and_tell(&config, environment, true) == 0);
    write_all(&config, values);
    check_equal(values, defaults);

    read_and_tell(&config, environment, false);
    write_all(&config, values);
    check_admits(&config, count > 0 ? environment[count - 1] : "");
    check_reads_back(values);
    check_alone(values, environment);
    free(text);
    return 0;
}
