/* Arrays of numpy, exactly numpy.ndarray: subclasses may have ends of their own (numpy.memmap). And
 * numpy.dtype, of which each array that was unpickled by itself has one.
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

bool gf_is_dtype(const struct gf_type *type);

enum gf_fate gf_array_fate(gf_object *array);
enum gf_fate gf_dtype_fate(gf_object *dtype);

/* Bytes of data that it owns. */
long gf_array_size(gf_object *array);

/* The part at this position, borrowed, and the next position; false at the end: its dtype, what it
 * is a view of, or the objects that it owns. */
bool gf_array_next(gf_object *array, long *position, gf_object **ret_part);

#endif
