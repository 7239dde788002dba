/* An interpreter that records what the engine asks of it, and a fork that does not fork. */
#ifndef GF_TEST_FAKE_H
#define GF_TEST_FAKE_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/engine.h"
#include "core/runtime.h"

struct gf_fake {
    /* Recorded: the calls as words with a space between them, "real" for the fork itself. */
    char calls[1024];
    struct gf_attach_options options; /* of the last attach */
    enum gf_moment moment;            /* of the last call that has one */
    void (*before)(void);             /* what attach was given */
    void (*gone)(void);

    /* Answers. */
    enum gcfreeze_reason found, attached, entered;
    enum gf_caller caller;
    long count;
    bool hook_only;          /* freezes in the hook alone */
    bool own_freeze;         /* the application has frozen by itself */
    bool immortal;           /* objects can be made immortal */
    const char *callers;     /* of the fork; NULL: nobody */
    const char *cold;        /* why Python code may not run; NULL: it may */
    struct gf_warmup warmup; /* recorded: of the last warm-up */
    const char *failing;     /* the call that answers -1, or false, or NULL: none */
    struct gf_balance balance;
    const void *too_large; /* to be made immortal in whole */
    bool asked_for_handed; /* recorded: weighed and marked */
    long handed;           /* objects that the child is handed and that are not immortal */
    const char *version, *remark;
    bool forks; /* the fork is a real one */
    bool unwinding, arenas;
    bool foreign;      /* no wait is called by the interpreter */
    bool in_host;      /* but by a host that has given it up */
    pid_t child;       /* what the fork returns */
    int error;         /* the errno that it leaves */
    int errno_at_fork; /* recorded: what it found there */

    /* Called at the beginning of each call, with its word; may be NULL. */
    void (*during)(const char *call);

    /* Called when the version is asked for: each line of the log has it, a pass's too. */
    void (*at_version)(void);
};

extern struct gf_fake gf_fake;
extern const struct gf_runtime gf_fake_runtime;

/* Starts the engine over the fake, which finds a good interpreter, called by os.fork, with 1000 new
 * objects. NULL for an empty environment. */
void gf_fake_start(char *const *environment);

/* The same in another program than gunicorn; at most 7 arguments. */
void gf_fake_start_program(char *const *argv, char *const *environment);

/* A fork of the host: `gf_fake.child` is the answer. Forgets earlier calls. */
pid_t gf_fake_fork(void);

/* The fork itself, for gf_engine_fork. */
pid_t gf_fake_real(void *arguments);

/* os.fork of a Python program: the before hook, then the fork. */
pid_t gf_fake_os_fork(void);

/* What was called since the last time somebody asked. */
const char *gf_fake_calls(void);

struct gcfreeze_status gf_fake_status(void);

#endif
