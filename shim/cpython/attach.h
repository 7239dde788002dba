/* Getting into an interpreter: once, at its start or at the first fork. */
#ifndef GF_CPYTHON_ATTACH_H
#define GF_CPYTHON_ATTACH_H

#include "core/runtime.h"

/* See struct gf_runtime. The thread must be attached. */
enum gcfreeze_reason gf_attach(enum gf_moment moment, const struct gf_attach_options *options,
                               void (*before)(void), void (*gone)(void));

/* subprocess imports _posixsubprocess when it likes: looks for fork_exec as long as it is unknown.
 */
void gf_attach_find_fork_exec(void);

/* A Python program may import what makes it a C host when it likes, too. True: it has, since we
 * last looked. Needs no thread state. */
bool gf_attach_find_host(void);

#endif
