/* This process and its interpreter: configuration, whether and how they were brought together, and
 * what is counted from fork to fork.
 *
 * One instance. `phase` may be read by any thread; the rest is written at load, by the thread that
 * attaches, by the owner of the running transaction, and by the only thread of a fresh child.
 */
#ifndef GF_CORE_SESSION_H
#define GF_CORE_SESSION_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/log.h"
#include "core/config.h"
#include "core/runtime.h"

/* What the host hands over at load. */
struct gf_host {
    const char *library; /* our own file name, for GCFREEZE_EXEC=strip */
    int argc;
    char **argv;
    char *const *environment;
    bool secure; /* a setuid program: its environment is not trusted */
};

enum gf_phase {
    GF_PHASE_INERT,     /* switched off, filtered out, or not loaded yet */
    GF_PHASE_WAITING,   /* no interpreter so far */
    GF_PHASE_ATTACHING, /* one thread is at it */
    GF_PHASE_ATTACHED
};

struct gf_session {
    const struct gf_runtime *runtime;
    struct gf_config config;
    const char *library;
    void (*before_fork)(void);
    enum gcfreeze_reason inert_because; /* at GF_PHASE_INERT */
    atomic_int phase;
    int argc; /* the program's arguments; it may overwrite them after the interpreter initialized */
    char *const *argv;
    bool deferred;                 /* the collector is put off until the first freeze */
    const struct gf_host_row *row; /* of hosts.def; NULL: no program that is known */
    bool immortal;                 /* what core/mode chose */
    bool mode_settled;             /* it is not to be chosen anew */
    bool told_remark;              /* of the runtime's */
    bool told_config;
    bool told_pickled; /* or it is not for this process to tell */
    unsigned long worker_forks;
    unsigned long freezes;
};

extern struct gf_session gf_session;

/* Reads the configuration and looks at nothing else. `before_fork` is what the interpreter calls
 * ahead of os.fork. Phase: load. */
void gf_session_start(const struct gf_runtime *runtime, const struct gf_host *host,
                      void (*before_fork)(void));

/* The interpreter initializes: attach to it, at most once. Phase: attach, in a process of our own.
 * errno survives. */
void gf_session_startup(void);

/* The interpreter, ready to be worked with, attaching first if that has not been possible before.
 * Returns NONE, then gf_runtime.leave is due; or the reason why this fork is left alone.
 * `ret->caller` is set in both cases. Phase: before hook, fork window. */
enum gcfreeze_reason gf_session_enter(enum gf_moment moment, struct gf_entry *ret);

/* A forked child starts to count anew. `restored`: its collector is the application's. Plain
 * stores. */
void gf_session_child(bool restored);

/* A sentence for the operator, in the configured format. */
void gf_session_tell(enum gf_log_level level, const char *sentence);

#endif
