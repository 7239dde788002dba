/* The Python functions that led to a fork. Inside. Runs no Python code: the attributes of frames
 * and code objects are C's. */
#ifndef GF_CPYTHON_FRAMES_H
#define GF_CPYTHON_FRAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "core/runtime.h"
#include "cpython/api.h"

struct gf_python_frame {
    gf_object *object, *code;
    const char *module, *function; /* "" where it has no such name */
};

/* Calls visit for at most `most` frames, innermost first, as long as it answers true. What a frame
 * holds is valid until visit returns. */
void gf_frames_each(int most, bool (*visit)(const struct gf_python_frame *frame, void *context),
                    void *context);

/* Is it this MODULE:FUNCTION? */
bool gf_frame_is(const struct gf_python_frame *frame, const char *name);

/* See gf_runtime.callers. At most 32 frames. */
void gf_frames_list(enum gf_moment moment, char *buffer, size_t size);

#endif
