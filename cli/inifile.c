#include "inifile.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { LINE = 4096, SECTION = 256 };

static const char name_bytes[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";

static char *trim(char *text) {
    char *end = text + strlen(text);
    while (end > text && isspace((unsigned char)end[-1]))
        end--;
    *end = '\0';
    return text + strspn(text, " \t");
}

/* A comment begins at the start, or behind a blank. */
static void cut_comment(char *text) {
    char quote = '\0';
    for (char *c = text; *c; c++) {
        if (quote ? *c == quote : *c == '"' || *c == '\'')
            quote = quote ? '\0' : *c;
        if (!quote && (*c == '#' || *c == ';') && (c == text || strchr(" \t", c[-1]))) {
            *c = '\0';
            return;
        }
    }
}

static char *unquote(char *value) {
    size_t length = strlen(value);
    if (length < 2 || !strchr("\"'", value[0]) || strchr(value + 1, value[0]) != value + length - 1)
        return value;
    value[length - 1] = '\0';
    return value + 1;
}

static void take_line(char *line, char *section, gf_inifile_take *take, void *context) {
    cut_comment(line);
    line = trim(line);
    if (*line == '[') {
        snprintf(section, SECTION, "%.*s", (int)strcspn(line + 1, "]"), line + 1);
        return;
    }
    size_t length = strspn(line, name_bytes);
    char *rest = line + length + strspn(line + length, " \t");
    bool sets = *rest == '=' || *rest == ':';
    if (length == 0 || (*rest && !sets))
        return;
    char *value = sets ? unquote(trim(rest + 1)) : rest;
    line[length] = '\0';
    take(section, line, value, context);
}

bool gf_inifile_each(const char *path, gf_inifile_take *take, void *context) {
    char line[LINE], section[SECTION] = "";
    bool whole = true; /* the next bytes begin a line */
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    while (fgets(line, sizeof line, file)) {
        bool ends = strchr(line, '\n') || feof(file);
        if (whole && ends)
            take_line(line, section, take, context);
        whole = ends;
    }
    fclose(file);
    return true;
}
