#include "core/hosts.h"

#include <stddef.h>

#include "base/text.h"

static const struct {
    char names[64], with[48],
        without[48]; /* no pointers: they would be written to in every process */
} rows[] = {
#define HOST(names, with, without, why) {names, with, without},
#include "core/hosts.def"
#undef HOST
};

static bool any_argument(const char *globs, int argc, char *const *argv) {
    for (int i = 1; i < argc; i++) {
        if (gf_text_any_glob(globs, argv[i]))
            return true;
    }
    return false;
}

bool gf_hosts_know(const struct gf_self *self, int argc, char *const *argv) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool named = gf_text_any_glob(rows[i].names, self->program) ||
                     gf_text_any_glob(rows[i].names, self->script) ||
                     gf_text_any_glob(rows[i].names, self->module);
        if (named && (rows[i].with[0] == '\0' || any_argument(rows[i].with, argc, argv)) &&
            !any_argument(rows[i].without, argc, argv))
            return true;
    }
    return false;
}
