#include "core/config.h"

#include <stdint.h>
#include <string.h>

#include "base/load.h"
#include "base/text.h"

enum kind { FLAG, NUMBER, CHOICE, WHEN, SECONDS, GLOBS, WORDS, PATH };

const struct gf_knob gf_knobs[] = {
#define KNOB(field, kind, name, default_text, lower, upper, values, meaning)                       \
    {name, default_text, values, meaning, lower, upper, kind, offsetof(struct gf_config, field)},
#include "core/knobs.def"
#undef KNOB
};
const size_t gf_knob_count = sizeof gf_knobs / sizeof *gf_knobs;

/* What was wrong, copied at load: programs overwrite their environment (setproctitle). */
enum { PROBLEM_MAX = 16, SHOWN = 64 };
static struct {
    const struct gf_knob *knob; /* NULL: `name` is no knob at all */
    char name[SHOWN];
    char value[SHOWN];
} problems[PROBLEM_MAX];
static size_t problem_count GF_AT_LOAD;

static void *field(struct gf_config *config, const struct gf_knob *knob) {
    return (char *)config + knob->offset;
}

static bool parse_flag(const char *text, bool *ret) {
    static const char *const words[] = {"0", "1", "off", "on", "false", "true", "no", "yes"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (gf_text_equal_nocase(text, words[i])) {
            *ret = i % 2;
            return true;
        }
    }
    return false;
}

/* The index of `text` among the words of `values`, which are separated by ", ". */
static bool parse_choice(const char *text, const char *values, int *ret) {
    for (int index = 0;; index++) {
        size_t length = strcspn(values, ",");
        char word[16];
        struct gf_text copy;
        gf_text_init(&copy, word, sizeof word);
        gf_text_add_bytes(&copy, values, length);
        if (gf_text_equal_nocase(text, word)) {
            *ret = index;
            return true;
        }
        if (values[length] == '\0')
            return false;
        values += length + 2;
    }
}

static bool parse_when(const char *text, struct gf_when *ret) {
    static const char *const words[] = {"auto", "first", "every", "after", "never"};
    static const char prefix[] = "after:";
    char start[sizeof prefix];
    struct gf_text copy;
    gf_text_init(&copy, start, sizeof start);
    gf_text_add(&copy, text);
    long n = 0;
    if (gf_text_equal_nocase(start, prefix) &&
        gf_text_parse_long(text + sizeof prefix - 1, 0, 1000000000, &n)) {
        *ret = (struct gf_when){GF_WHEN_AFTER, n};
        return true;
    }
    for (int i = 0; i < (int)(sizeof words / sizeof *words); i++) {
        if (i != GF_WHEN_AFTER && gf_text_equal_nocase(text, words[i])) {
            *ret = (struct gf_when){(enum gf_when_kind)i, 0};
            return true;
        }
    }
    return false;
}

static bool parse_seconds(const struct gf_knob *knob, const char *text, long *ret) {
    static const long ten_seconds = 10; /* what "on" means */
    bool on = false;
    if (gf_text_parse_long(text, knob->lower, knob->upper, ret))
        return true;
    if (!parse_flag(text, &on))
        return false;
    *ret = on ? ten_seconds : 0;
    return true;
}

static bool parse_text(const char *text, char *ret, size_t size) {
    size_t length = strlen(text);
    if (length >= size)
        return false;
    memcpy(ret, text, length + 1);
    return true;
}

/* One knob is of this kind, and one environment is read in a process. */
static bool parse_words(const char *text, const char **ret) {
    static char words[GF_CONFIG_WORDS_SIZE];
    if (*text && !parse_text(text, words, sizeof words))
        return false;
    *ret = *text ? words : "";
    return true;
}

static bool parse(const struct gf_knob *knob, const char *text, struct gf_config *config) {
    void *value = field(config, knob);
    switch ((enum kind)knob->kind) {
    case FLAG:
        return parse_flag(text, value);
    case NUMBER:
        return gf_text_parse_long(text, knob->lower, knob->upper, value);
    case CHOICE:
        return parse_choice(text, knob->values, value);
    case WHEN:
        return parse_when(text, value);
    case SECONDS:
        return parse_seconds(knob, text, value);
    case GLOBS:
        return parse_text(text, value, GF_CONFIG_TEXT_SIZE);
    case WORDS:
        return parse_words(text, value);
    case PATH:
        return (text[0] == '/' || text[0] == '\0') && parse_text(text, value, GF_CONFIG_TEXT_SIZE);
    }
    return false;
}

static void keep_problem(const struct gf_knob *knob, const char *name, size_t name_length,
                         const char *value) {
    if (problem_count == PROBLEM_MAX)
        return;
    struct gf_text text;
    gf_text_init(&text, problems[problem_count].name, SHOWN);
    gf_text_add_bytes(&text, name, name_length);
    gf_text_init(&text, problems[problem_count].value, SHOWN);
    gf_text_add(&text, value);
    if (text.truncated)
        memcpy(problems[problem_count].value + SHOWN - 4, "...", 4);
    problems[problem_count++].knob = knob;
}

static void read_variable(struct gf_config *config, const char *variable, bool *seen) {
    size_t length = strcspn(variable, "=");
    if (variable[length] == '\0')
        return;
    const char *value = variable + length + 1;
    for (size_t i = 0; i < gf_knob_count; i++) {
        if (strlen(gf_knobs[i].name) != length || memcmp(gf_knobs[i].name, variable, length) != 0)
            continue;
        /* An empty value is how shells and unit files say "not set". The first of several is the
         * one that getenv would see. */
        if (!seen[i] && *value != '\0' && !parse(&gf_knobs[i], value, config))
            keep_problem(&gf_knobs[i], variable, length, value);
        seen[i] = true;
        return;
    }
    /* GCFREEZE_TEST_...: for the project's own tests, and no settings */
    if (strcmp(variable, "GCFREEZE_TEST_RESHARE=always") == 0)
        config->reshare_always = true;
    else if (strncmp(variable, "GCFREEZE_TEST_", 14) != 0)
        keep_problem(NULL, variable, length, value);
}

void gf_config_read(struct gf_config *ret, char *const *environment, bool secure) {
    static const char prefix[] = "GCFREEZE";
    bool seen[sizeof gf_knobs / sizeof *gf_knobs] = {false};
    *ret = (struct gf_config){0};
    problem_count = 0;
    for (size_t i = 0; i < gf_knob_count; i++)
        parse(&gf_knobs[i], gf_knobs[i].default_text, ret);
    if (secure || !environment)
        return;
    for (; *environment; environment++) {
        if (strncmp(*environment, prefix, sizeof prefix - 1) == 0 &&
            ((*environment)[sizeof prefix - 1] == '=' || (*environment)[sizeof prefix - 1] == '_'))
            read_variable(ret, *environment, seen);
    }
}

/* The knob whose name is nearest to a misspelt one, or NULL if none is near. */
static const struct gf_knob *nearest(const char *name) {
    const struct gf_knob *best = NULL;
    size_t best_distance = 3; /* two letters may be wrong; more is another word */
    for (size_t i = 0; i < gf_knob_count; i++) {
        size_t distance = gf_text_distance(name, gf_knobs[i].name);
        if (distance < best_distance) {
            best_distance = distance;
            best = &gf_knobs[i];
        }
    }
    return best;
}

static void tell_problem(size_t index, void (*tell)(const char *line)) {
    const struct gf_knob *knob = problems[index].knob;
    char buffer[512];
    struct gf_text line;
    gf_text_init(&line, buffer, sizeof buffer);
    gf_text_add_plain(&line, problems[index].name);
    if (!knob) {
        const struct gf_knob *meant = nearest(problems[index].name);
        gf_text_add(&line, " is no setting of this library and is ignored");
        if (meant) {
            gf_text_add(&line, "; did you mean ");
            gf_text_add(&line, meant->name);
            gf_text_add_char(&line, '?');
        }
    } else {
        gf_text_add(&line, "=\"");
        gf_text_add_plain(&line, problems[index].value);
        gf_text_add(&line, "\" is not allowed; allowed: ");
        gf_text_add(&line, knob->values);
        gf_text_add(&line, "; using the default ");
        gf_text_add(&line, knob->default_text[0] ? knob->default_text : "(empty)");
    }
    tell(line.data);
}

void gf_config_tell(void (*tell)(const char *line)) {
    for (size_t i = 0; i < problem_count; i++)
        tell_problem(i, tell);
}

static bool any_matches(const char *globs, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (names[i] && gf_text_any_glob(globs, names[i]))
            return true;
    }
    return false;
}

bool gf_config_admits(const struct gf_config *config, const char *const *names, size_t count) {
    if (any_matches(config->skip, names, count))
        return false;
    return config->only[0] == '\0' || any_matches(config->only, names, count);
}
