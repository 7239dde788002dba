/* Watching pymalloc's arenas, and the waits of Python's own code. See struct gf_runtime. */
#ifndef GF_CPYTHON_WATCH_H
#define GF_CPYTHON_WATCH_H

#include <stdbool.h>

/* The interpreter must have been found. */
bool gf_watch_arenas(void);

/* The interpreter is gone, with its arenas. */
void gf_watch_reset(void);

bool gf_watch_waits_for_python(const void *code);
bool gf_watch_waits_in_host(const void *code);

#endif
