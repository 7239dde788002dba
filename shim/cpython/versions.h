/* What differs between versions of CPython, as data. A new version is one row in versions.c. */
#ifndef GF_CPYTHON_VERSIONS_H
#define GF_CPYTHON_VERSIONS_H

#include <stdbool.h>

#include "cpython/api.h"

struct gf_version {
    int major, minor;
    /* The symbol that answers "which thread state is attached" without complaining if none is. */
    enum { GF_CURRENT_UNCHECKED_GET, GF_CURRENT_GET_UNCHECKED } current;
    /* Does that answer belong to the calling thread? Where it does not, it may be another
     * thread's, the one that holds the GIL. */
    bool current_is_own;
    /* Do atexit's callbacks belong to the interpreter, and not to one module object? */
    bool atexit_is_shared;
    /* Is there one collector for all interpreters? */
    bool one_collector;
    /* How to tell an interpreter with a GIL of its own: there is none, by its features, by its
     * configuration. */
    enum { GF_GILS_ONE, GF_GILS_BY_FEATURE, GF_GILS_BY_CONFIG } gils;
    /* Does PyThreadState_Swap give the GIL up and wait for it again? */
    bool swap_gives_gil_up;
    /* Does PyOS_BeforeFork leave the list of interpreters and threads locked? */
    bool fork_takes_head_lock;
    /* How an object becomes immortal: not at all, by the count word that None carries, or by
     * _Py_SetImmortalUntracked. */
    enum { GF_IMMORTAL_NEVER, GF_IMMORTAL_BY_WORD, GF_IMMORTAL_BY_CALL } immortal;
};

enum gf_support { GF_SUPPORTED, GF_NEWER, GF_OLDER };

/* Judges Py_GetVersion's text, like "3.13.0 (main, ...) [GCC 12.2.0]". `*ret` gets the row to work
 * with (GF_NEWER: the newest); untouched for GF_OLDER. Text that is no version counts as older. */
enum gf_support gf_version_judge(const char *text, const struct gf_version **ret);

/* Does the text belong to a build without a GIL? That of a patched build may not tell. */
bool gf_version_free_threaded(const char *text);

/* The attached thread state, by the row's symbol; NULL if none. Not to be called where
 * gf_version_missing names a symbol. */
gf_thread *gf_version_current(const struct gf_version *version, const struct gf_api *api);

/* The name of a symbol that the row needs and the interpreter does not export, or NULL. */
const char *gf_version_missing(const struct gf_version *version, const struct gf_api *api);

#endif
