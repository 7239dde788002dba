/* The Python functions that led to a fork. Inside. */
#ifndef GF_CPYTHON_FRAMES_H
#define GF_CPYTHON_FRAMES_H

#include <stddef.h>

#include "core/runtime.h"

/* See gf_runtime.callers. Runs no Python code: the attributes of frames and code objects are C's.
 * At most 32 frames. */
void gf_frames_list(enum gf_moment moment, char *buffer, size_t size);

#endif
