/* Objects of data sets whose memory lies outside of them: arrays, views of buffers, tensors.
 *
 * What becomes of one depends on the object: does it own that memory, and what may end with it? All
 * of it is found without bytecode and without a release of the GIL. Inside only.
 */
#ifndef GF_CPYTHON_OUTSIDE_H
#define GF_CPYTHON_OUTSIDE_H

#include <stdbool.h>

#include "cpython/fates.h"
#include "cpython/layout.h"

enum gf_family {
    GF_FAMILY_NONE,
    GF_FAMILY_BUFFER,  /* memoryview */
    GF_FAMILY_NUMBERS, /* array.array, and Python classes over it */
    GF_FAMILY_ARRAY,   /* exactly numpy.ndarray */
    GF_FAMILY_DTYPE,   /* numpy.dtype and what is derived from it */
    GF_FAMILY_TENSOR,  /* exactly torch.Tensor */
    GF_FAMILY_STORAGE  /* exactly torch.UntypedStorage */
};

/* The family of this type, whose first base that Python code did not define is `c_base`. NONE also
 * if what is read in place does not agree with what an object says, or if reading would run
 * bytecode. */
enum gf_family gf_outside_family(const struct gf_type *type, const struct gf_type *c_base);

/* Of an object whose type has GF_FATE_EACH. */
enum gf_fate gf_outside_fate(enum gf_family family, gf_object *object);

/* The bytes that it owns outside of itself. */
long gf_outside_size(enum gf_family family, gf_object *object);

#endif
