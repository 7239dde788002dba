/* The interpreter of this process as the files of this folder see it. One instance, filled by
 * runtime.c and attach.c; written only by the thread that attaches.
 *
 * References in it are owned and never released: they live as long as the interpreter.
 */
#ifndef GF_CPYTHON_INTERPRETER_H
#define GF_CPYTHON_INTERPRETER_H

#include "cpython/api.h"
#include "cpython/versions.h"
#include "process/caller.h"

/* Functions of the gc module: the only way to the collector that all versions share. The C function
 * behind gc.freeze is never exported. */
struct gf_gc {
    gf_object *enable, *disable, *isenabled, *get_threshold, *set_threshold;
    gf_object *freeze, *unfreeze, *get_freeze_count, *collect, *get_count, *get_stats;
};

struct gf_interpreter_state {
    bool found; /* api and version are set, or known to be of no use */
    struct gf_api api;
    const struct gf_version *version;
    bool free_threaded;              /* a build without a GIL */
    bool newer;                      /* than the newest row of versions.c */
    char version_text[32];           /* "3.13.0" */
    struct gf_gc gc;                 /* all set, or all NULL as long as nothing is attached */
    gf_object *get_allocated_blocks; /* sys.getallocatedblocks, or NULL */
    struct gf_landmarks landmarks;
    const char *host_function; /* the name of landmarks.host */
};

extern struct gf_interpreter_state gf_python;

#endif
