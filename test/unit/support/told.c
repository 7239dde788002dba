#include "support/told.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/child.h"

char gf_told[GF_TOLD_LINES][GF_TOLD_LINE_SIZE];
size_t gf_told_count;

static void keep_line(const char *line) {
    assert_true(gf_told_count < GF_TOLD_LINES);
    assert_true(strlen(line) < GF_TOLD_LINE_SIZE);
    for (const char *c = line; *c; c++)
        assert_true(*c >= ' ' && *c < 127);
    strcpy(gf_told[gf_told_count++], line);
}

struct gf_config gf_told_read(char *const *environment, bool secure) {
    struct gf_config config;
    gf_config_read(&config, environment, secure);
    gf_told_count = 0;
    gf_config_tell(keep_line);
    return config;
}

struct gf_config gf_told_read_one(const char *name, const char *value) {
    size_t size = strlen(name) + strlen(value) + 2;
    char *variable = malloc(size);
    assert_non_null(variable);
    snprintf(variable, size, "%s=%s", name, value);
    struct gf_config config = gf_told_read((char *[]){variable, NULL}, false);
    free(variable);
    return config;
}
