#include "settings.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/config.h"
#include "say.h"

/* GCFREEZE_MIN_NEW as min-new; GCFREEZE itself as gcfreeze */
static char *option_name(const char *variable) {
    static const char prefix[] = "GCFREEZE_";
    char *name =
        strdup(strncmp(variable, prefix, sizeof prefix - 1) == 0 ? variable + sizeof prefix - 1
                                                                 : variable);
    for (char *c = name; c && *c; c++)
        *c = (char)(*c == '_' ? '-' : tolower((unsigned char)*c));
    return name;
}

static bool is_switch(const struct gf_knob *knob) {
    return strcmp(knob->values, "on or off") == 0;
}

struct option *gf_settings_options(const struct option *own) {
    size_t count = 0;
    while (own[count].name)
        count++;
    struct option *options = calloc(gf_knob_count + count + 1, sizeof *options);
    if (!options)
        return NULL;
    for (size_t i = 0; i < gf_knob_count; i++) {
        options[i].name = option_name(gf_knobs[i].name); /* lives as long as the program */
        options[i].has_arg = is_switch(&gf_knobs[i]) ? optional_argument : required_argument;
        options[i].val = GF_SETTING + (int)i;
        if (!options[i].name) {
            free(options);
            return NULL;
        }
    }
    memcpy(options + gf_knob_count, own, count * sizeof *own);
    return options;
}

/* A switch may stand alone, so getopt takes no word behind it. These two are no commands. */
static const char *word_behind_switch(char **argv) {
    const char *word = argv[optind];
    if (!word || (strcasecmp(word, "on") != 0 && strcasecmp(word, "off") != 0))
        return "on";
    optind++;
    return word;
}

bool gf_settings_take(int answer, char **argv) {
    const char *value = optarg ? optarg : word_behind_switch(argv);
    return setenv(gf_knobs[answer - GF_SETTING].name, value, 1) == 0;
}

static bool good;

/* The library goes on, with the default or without the variable; this program does not. */
static void complain(const char *line) {
    static const char ignored[] = " and is ignored";
    good = false;
    const char *end = strstr(line, "; using the default");
    const char *rest = strstr(line, ignored);
    if (end)
        gf_say_error("%.*s", (int)(end - line), line);
    else if (rest)
        gf_say_error("%.*s%s", (int)(rest - line), line, rest + sizeof ignored - 1);
    else
        gf_say_error("%s", line);
}

bool gf_settings_good(void) {
    struct gf_config config;
    gf_config_read(&config, environ, false);
    good = true;
    gf_config_tell(complain);
    return good;
}

void gf_settings_each(void (*take)(const char *name, const char *value, void *context),
                      void *context) {
    for (size_t i = 0; i < gf_knob_count; i++) {
        const char *value = getenv(gf_knobs[i].name);
        if (value && *value)
            take(gf_knobs[i].name, value, context);
    }
}

void gf_settings_help(FILE *stream) {
    fputs("Settings, each also a variable of the environment:\n", stream);
    for (size_t i = 0; i < gf_knob_count; i++) {
        char *name = option_name(gf_knobs[i].name);
        fprintf(stream, "  --%-16s %s\n  %-18s (%s; default: %s)\n", name ? name : "",
                gf_knobs[i].meaning, "", gf_knobs[i].values,
                gf_knobs[i].default_text[0] ? gf_knobs[i].default_text : "empty");
        free(name);
    }
}
