#include "core/hosts.h"

#include <string.h>

#include "base/text.h"

enum { KEEP, DEFER };
enum { CALLER_SIZE = 128 };

const struct gf_host_row gf_host_rows[] = {
#define HOST(kind, startup, name, programs, when, callers, loads, settings, advice, why)           \
    {GF_HOST_##kind, startup, name, programs, when, callers, loads},
#include "core/hosts.def"
#undef HOST
};
const size_t gf_host_count = sizeof gf_host_rows / sizeof *gf_host_rows;

/* Arguments by the patterns of one column: some must not match, and of the others one must. */
struct matches {
    bool wanted, found, unwanted;
};

static struct matches match(const char *patterns, int argc, char *const *argv) {
    struct matches matches = {0};
    while (*patterns) {
        patterns += strspn(patterns, ", ");
        size_t length = strcspn(patterns, ",");
        bool not = *patterns == '!';
        bool any = false;
        for (int i = 1; i < argc && !any; i++)
            any = gf_text_glob(patterns + not, length - not, argv[i]);
        matches.wanted = matches.wanted || !not ;
        matches.found = matches.found || (any && !not );
        matches.unwanted = matches.unwanted || (any && not );
        patterns += length;
    }
    return matches;
}

static bool has_program(const struct gf_host_row *row, const struct gf_self *self) {
    return (self->program[0] && gf_text_any_glob(row->programs, self->program)) ||
           (self->script[0] && gf_text_any_glob(row->programs, self->script)) ||
           (self->module[0] && gf_text_any_glob(row->programs, self->module));
}

static bool has_arguments(const struct gf_host_row *row, int argc, char *const *argv) {
    struct matches matches = match(row->when, argc, argv);
    return !matches.unwanted && (matches.found || !matches.wanted);
}

const struct gf_host_row *gf_hosts_find(const struct gf_self *self, int argc, char *const *argv) {
    for (size_t i = 0; i < gf_host_count; i++) {
        const struct gf_host_row *row = &gf_host_rows[i];
        if (has_program(row, self) && has_arguments(row, argc, argv))
            return row;
    }
    return NULL;
}

/* One of the lines. */
static bool has_caller(const struct gf_host_row *row, const char *callers) {
    while (*callers) {
        char caller[CALLER_SIZE];
        struct gf_text line;
        size_t length = strcspn(callers, "\n");
        gf_text_init(&line, caller, sizeof caller);
        gf_text_add_bytes(&line, callers, length);
        if (gf_text_any_glob(row->callers, caller))
            return true;
        callers += length + (callers[length] == '\n');
    }
    return false;
}

const struct gf_host_row *gf_hosts_find_caller(const char *callers,
                                               const struct gf_host_row *named) {
    const struct gf_host_row *end = named ? named : &gf_host_rows[gf_host_count];
    for (const struct gf_host_row *row = gf_host_rows; *callers && row < end; row++) {
        if (row->callers[0] && has_caller(row, callers))
            return row;
    }
    return named;
}

enum gf_preloads gf_host_preloads(const struct gf_host_row *row, int argc, char *const *argv) {
    struct matches matches = match(row->loads, argc, argv);
    if (matches.unwanted)
        return GF_PRELOADS_NOT;
    return matches.found || !matches.wanted ? GF_PRELOADS : GF_PRELOADS_MAYBE;
}

const char *gf_host_function(size_t index) {
    for (size_t i = 0; i < gf_host_count; i++) {
        const char *callers = gf_host_rows[i].callers;
        if (callers[0] && !strchr(callers, ':') && index-- == 0)
            return callers;
    }
    return NULL;
}
