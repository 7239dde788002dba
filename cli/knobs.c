/* gcfreeze knobs: every setting, its values and what it is now. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "core/config.h"
#include "say.h"

static bool valid;

static void note_problem(const char *line) {
    (void)line;
    valid = false;
}

/* The variable's value; the default if it is not set, or if it is bad. */
static const char *current(const struct gf_knob *knob) {
    char *value = getenv(knob->name);
    char variable[GF_CONFIG_WORDS_SIZE + 64]; /* the longest value, behind its name */
    char *const environment[] = {variable, NULL};
    struct gf_config config;
    if (!value || !*value)
        return knob->default_text;
    valid =
        (size_t)snprintf(variable, sizeof variable, "%s=%s", knob->name, value) < sizeof variable;
    gf_config_read(&config, environment, false);
    gf_config_tell(note_problem);
    return valid ? value : knob->default_text;
}

/* What the parser takes, in words: the kinds of knobs.def. */
static const char *type(const struct gf_knob *knob) {
#define KNOB(field, kind, name_, default_text, lower, upper, values, meaning)                      \
    if (strcmp(knob->name, name_) == 0)                                                            \
        return #kind;
#include "core/knobs.def"
#undef KNOB
    return "";
}

static void print_json(const struct gf_knob *knob, bool first) {
    const struct {
        const char *name, *value;
    } fields[] = {
        {"name", knob->name},       {"type", type(knob)},
        {"values", knob->values},   {"default", knob->default_text},
        {"current", current(knob)}, {"meaning", knob->meaning},
    };
    fputs(first ? "[\n" : ",\n", stdout);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        fputs(i ? ", " : " {", stdout);
        gf_say_json(stdout, fields[i].name);
        fputs(": ", stdout);
        gf_say_json(stdout, fields[i].value);
    }
    if (knob->upper)
        printf(", \"lower\": %ld, \"upper\": %ld", knob->lower, knob->upper);
    putchar('}');
}

static void print_text(const struct gf_knob *knob) {
    const char *value = current(knob);
    bool changed = strcmp(value, knob->default_text) != 0;
    printf("%s%-24s%s %s%s\n", gf_say_start(stdout, GF_BOLD), knob->name, gf_say_end(stdout),
           *value ? value : "(empty)", changed ? "  (set; default below)" : "");
    printf("    %s\n    %s; default: %s\n", knob->meaning, knob->values,
           *knob->default_text ? knob->default_text : "(empty)");
}

int gf_command_knobs(int argc, char **argv) {
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'}, GF_COMMON_OPTIONS, {NULL, 0, NULL, 0}};
    int answer, code = 0;
    bool end = false, json = false;
    while ((answer = getopt_long(argc, argv, "hV", options, NULL)) != -1) {
        if (answer == 'j')
            json = true;
        else if (gf_command_common("knobs", answer, "  --json             for machines\n", &end,
                                   &code) &&
                 end)
            return code;
    }
    if (!gf_command_no_more(argc, argv))
        return GF_EXIT_FAILED;
    for (size_t i = 0; i < gf_knob_count; i++) {
        if (json)
            print_json(&gf_knobs[i], i == 0);
        else
            print_text(&gf_knobs[i]);
    }
    if (json)
        puts("\n]");
    return gf_say_flushed() ? 0 : GF_EXIT_FAILED;
}
