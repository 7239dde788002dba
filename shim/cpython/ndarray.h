/* Arrays of numpy: exactly numpy.ndarray. Its subclasses may have ends of their own (numpy.memmap).
 *
 * Fields are read in place, after a fresh array has been compared with what it says about itself.
 * Inside only.
 */
#ifndef GF_CPYTHON_NDARRAY_H
#define GF_CPYTHON_NDARRAY_H

#include <stdbool.h>

#include "cpython/fates.h"
#include "cpython/layout.h"

/* False also if its objects are laid out in an unknown way. */
bool gf_is_array(const struct gf_type *type);

enum gf_fate gf_array_fate(gf_object *array);

/* Bytes of data that it owns. */
long gf_array_size(gf_object *array);

/* The part at this position, borrowed, and the next position; false at the end. One that does not
 * own its data has one part at most: what does. */
bool gf_array_next(gf_object *array, long *position, gf_object **ret_part);

#endif
