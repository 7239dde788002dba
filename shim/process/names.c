#include "process/names.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static void copy(char *destination, const char *source) {
    size_t length = strlen(source);
    if (length >= GF_SELF_NAME_SIZE)
        length = GF_SELF_NAME_SIZE - 1;
    memcpy(destination, source, length);
    destination[length] = '\0';
}

const char *gf_names_last_part(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Options of the python executable that take a value in the next argument if none is attached
 * (Python/getopt.c: "c:m:W:X:" and the long option --check-hash-based-pycs). */
static bool takes_value(char option) {
    return strchr("cmWX", option) != NULL;
}

/* `python [options] [-m module | -c command | script]` */
static void parse_python_options(int argc, char *const *argv, struct gf_self *names) {
    for (int i = 1; i < argc; i++) {
        const char *argument = argv[i];
        if (argument[0] != '-') {
            copy(names->script, gf_names_last_part(argument));
            return;
        }
        if (argument[1] == '\0')
            return; /* standard input */
        if (argument[1] == '-') {
            if (strcmp(argument, "--check-hash-based-pycs") == 0)
                i++;
            continue;
        }
        for (const char *option = argument + 1; *option; option++) {
            if (!takes_value(*option))
                continue;
            const char *value = option[1] ? option + 1 : i + 1 < argc ? argv[i + 1] : "";
            if (*option == 'm')
                copy(names->module, value);
            if (*option == 'm' || *option == 'c')
                return;
            if (!option[1])
                i++;
            break;
        }
    }
}

void gf_names_read(int argc, char *const *argv, struct gf_self *ret) {
    if (argc < 1 || !argv || !argv[0])
        return;
    copy(ret->program, gf_names_last_part(argv[0]));
    if (strncmp(ret->program, "python", 6) == 0)
        parse_python_options(argc, argv, ret);
}

const char *gf_names_title(const struct gf_self *self) {
    if (self->script[0])
        return self->script;
    return self->module[0] ? self->module : self->program;
}
