/* The environment as a struct. Read once, at load; constant from then on.
 *
 * Nothing is printed while reading, because at load nobody knows yet whether this process is one
 * that anybody wants to hear about: problems are kept and told when an interpreter was found.
 */
#ifndef GF_CORE_CONFIG_H
#define GF_CORE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#define GF_CONFIG_TEXT_SIZE 512
enum { GF_CONFIG_WORDS_SIZE = 4096 };

/* Choices, in the order of their words in knobs.def. */
enum gf_mode { GF_MODE_AUTO, GF_MODE_FREEZE, GF_MODE_IMMORTAL };
enum gf_startup { GF_STARTUP_AUTO, GF_STARTUP_DEFER, GF_STARTUP_DISABLE, GF_STARTUP_KEEP };
enum gf_parent { GF_PARENT_RESTORE, GF_PARENT_KEEP };
enum gf_collect { GF_COLLECT_REPEAT, GF_COLLECT_ALWAYS, GF_COLLECT_NEVER };
enum gf_exec { GF_EXEC_KEEP, GF_EXEC_STRIP };
enum gf_log_format { GF_LOG_TEXT, GF_LOG_JSON };

enum gf_when_kind { GF_WHEN_AUTO, GF_WHEN_FIRST, GF_WHEN_EVERY, GF_WHEN_AFTER, GF_WHEN_NEVER };

struct gf_when {
    enum gf_when_kind kind;
    long after; /* worker forks that pass before GF_WHEN_AFTER acts like GF_WHEN_AUTO */
};

/* Choices are stored as the index of their word, one of the enums above (log: enum gf_log_level).
 */
struct gf_config {
    bool enabled, reshare_threads;
    int mode, startup, parent, collect, exec, log, log_format;
    long min_new; /* objects */
    long defer;   /* objects */
    long reshare; /* seconds between passes; 0: off */
    long warmup_seconds;
    bool reshare_always; /* for tests: a whole pass at every wait */
    struct gf_when when;
    const char *warmup; /* in a place of its own: what is not set costs no page */
    char only[GF_CONFIG_TEXT_SIZE], skip[GF_CONFIG_TEXT_SIZE], log_file[GF_CONFIG_TEXT_SIZE];
};

/* A knob as knobs.def describes it. */
struct gf_knob {
    const char *name, *default_text, *values, *meaning;
    long lower, upper;
    int kind;
    size_t offset; /* of its field in struct gf_config */
};

extern const struct gf_knob gf_knobs[];
extern const size_t gf_knob_count;

/* Fills *ret from `environment` (NULL-terminated NAME=value strings): defaults first, then what is
 * set and good. In a setuid program (`secure`) the environment is not looked at. Phase: load. */
void gf_config_read(struct gf_config *ret, char *const *environment, bool secure);

/* Calls `tell` with a line for every bad value and every unknown GCFREEZE_ name. The lines are only
 * valid during the call. At most 16 problems are kept. Phase: attach. */
void gf_config_tell(void (*tell)(const char *line));

/* Do GCFREEZE_ONLY and GCFREEZE_SKIP leave room for a program with one of these names? Empty and
 * NULL names match nothing. */
bool gf_config_admits(const struct gf_config *config, const char *const *names, size_t count);

#endif
