#include "core/hosts.h"

#include <string.h>

#include "base/text.h"

enum { KEEP, DEFER };
enum { CALLER_SIZE = 128, PAIR_SIZE = 128 };

const struct gf_host_row gf_host_rows[] = {
#define HOST(kind, startup, name, programs, when, callers, loads, application, settings, starts,   \
             advice, why)                                                                          \
    {GF_HOST_##kind, startup, name, programs, when, callers, loads, application},
#include "core/hosts.def"
#undef HOST
};
const size_t gf_host_count = sizeof gf_host_rows / sizeof *gf_host_rows;

/* Arguments by the patterns of one column: some must not match, and of the others one must. */
struct matches {
    bool wanted;
    int found, unwanted; /* which argument; 0: none */
};

/* An argument; or an option and its value, which is the next one. */
static bool match_one(const char *pattern, size_t length, int argc, char *const *argv, int which) {
    char pair[PAIR_SIZE];
    struct gf_text text;
    if (gf_text_glob(pattern, length, argv[which]))
        return true;
    if (*pattern != '-' || which + 1 >= argc)
        return false;
    gf_text_init(&text, pair, sizeof pair);
    gf_text_add(&text, argv[which]);
    gf_text_add_char(&text, ' ');
    gf_text_add(&text, argv[which + 1]);
    return !text.truncated && gf_text_glob(pattern, length, pair);
}

static struct matches match(const char *patterns, int argc, char *const *argv) {
    struct matches matches = {0};
    size_t length = 0;
    for (const char *pattern; (pattern = gf_text_entry(&patterns, &length));) {
        bool must_not = *pattern == '!';
        int any = 0;
        for (int i = 1; i < argc && !any; i++)
            any = match_one(pattern + must_not, length - must_not, argc, argv, i) ? i : 0;
        int *where = must_not ? &matches.unwanted : &matches.found;
        *where = *where ? *where : any;
        matches.wanted = matches.wanted || !must_not;
    }
    return matches;
}

bool gf_host_preforks(const struct gf_host_row *row) {
    return row->kind == GF_HOST_PREFORK || row->kind == GF_HOST_SERVES;
}

bool gf_host_has_name(const struct gf_host_row *row, const struct gf_self *self) {
    const char *const names[] = {self->program, self->script, self->module};
    const char *patterns = row->programs;
    size_t length = 0;
    for (const char *pattern; (pattern = gf_text_entry(&patterns, &length));) {
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            if (names[i][0] && gf_text_glob(pattern, length, names[i]))
                return true;
        }
    }
    return false;
}

bool gf_host_arguments(const char *patterns, int argc, char *const *argv) {
    struct matches matches = match(patterns, argc, argv);
    return !matches.unwanted && (matches.found || !matches.wanted);
}

const struct gf_host_row *gf_hosts_find(const struct gf_self *self, int argc, char *const *argv) {
    for (size_t i = 0; i < gf_host_count; i++) {
        const struct gf_host_row *row = &gf_host_rows[i];
        if (gf_host_has_name(row, self) && gf_host_arguments(row->when, argc, argv))
            return row;
    }
    return NULL;
}

bool gf_host_called(const char *patterns, const char *callers) {
    while (*callers) {
        char caller[CALLER_SIZE];
        struct gf_text line;
        size_t length = strcspn(callers, "\n");
        gf_text_init(&line, caller, sizeof caller);
        gf_text_add_bytes(&line, callers, length);
        if (gf_text_any_glob(patterns, caller))
            return true;
        callers += length + (callers[length] == '\n');
    }
    return false;
}

const struct gf_host_row *gf_hosts_find_caller(const char *callers,
                                               const struct gf_host_row *named) {
    const struct gf_host_row *end = named ? named : &gf_host_rows[gf_host_count];
    for (const struct gf_host_row *row = gf_host_rows; *callers && row < end; row++) {
        if (row->callers[0] && gf_host_called(row->callers, callers))
            return row;
    }
    return named;
}

enum gf_preloads gf_host_preloads(const struct gf_host_row *row, int argc, char *const *argv,
                                  int *ret_because) {
    struct matches matches = match(row->loads, argc, argv);
    if (ret_because)
        *ret_because = matches.unwanted ? matches.unwanted : matches.found;
    if (matches.unwanted)
        return GF_PRELOADS_NOT;
    return matches.found || !matches.wanted ? GF_PRELOADS : GF_PRELOADS_MAYBE;
}

const char *gf_host_habit(const struct gf_host_row *row, enum gf_preloads preloads) {
    switch ((enum gf_host_kind)row->kind) {
    case GF_HOST_PREFORK:
    case GF_HOST_SERVES:
        return preloads == GF_PRELOADS         ? "preloads"
               : preloads == GF_PRELOADS_MAYBE ? "may preload"
                                               : "is told not to preload";
    case GF_HOST_LAZY:
        return "loads in each worker";
    case GF_HOST_SPAWNS:
    case GF_HOST_SPAWNED:
        return "starts its workers as new programs";
    case GF_HOST_SUPERVISES:
        return "starts other programs";
    case GF_HOST_SINGLE:
        break;
    }
    return "forks no workers";
}

const char *gf_host_function(size_t index) {
    for (size_t i = 0; i < gf_host_count; i++) {
        const char *callers = gf_host_rows[i].callers;
        if (callers[0] && !strchr(callers, ':') && index-- == 0)
            return callers;
    }
    return NULL;
}
