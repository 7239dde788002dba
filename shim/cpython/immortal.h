/* Objects whose reference count is never written again. */
#ifndef GF_CPYTHON_IMMORTAL_H
#define GF_CPYTHON_IMMORTAL_H

#include <stdbool.h>

#include "core/runtime.h"

/* Can this interpreter do it, as its version says and as a test on live objects confirms? NULL
 * means yes; else why not, as the end of a sentence. The answer is found once. Inside. */
const char *gf_immortal_obstacle(void);

/* What marking would do: see struct gf_runtime. Inside, after a NULL from the obstacle. */
bool gf_immortal_weigh(bool handed, struct gf_balance *ret);

/* What the child of this fork is handed: see gf_runtime.count_handed. Inside, after a NULL from the
 * obstacle. */
long gf_immortal_handed(long most);

/* See gf_runtime.immortalize. Inside, after a NULL from the obstacle; about 35 ns an object. */
long gf_immortal_walk(bool handed, bool *ret_complete);

/* See gf_runtime.share. Inside, after a NULL from the obstacle. */
long gf_immortal_share(void *object, bool *ret_complete);

/* The interpreter is gone, and what was marked with it. */
void gf_immortal_reset(void);

#endif
