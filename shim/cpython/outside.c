#include "cpython/outside.h"

#include <stddef.h>
#include <stdint.h>

#include "cpython/call.h"
#include "cpython/interpreter.h"
#include "cpython/ndarray.h"
#include "cpython/tensor.h"

/* ---- memoryview ---- */

/* Objects/memoryobject.c never looks at the count. Nothing happens to bytes when a view of them
 * ends. A bytearray can grow again, but not one that nobody else holds: arrays that were pickled
 * are views of such a one (protocol 5). */
static enum gf_fate fate_of_buffer(gf_object *view) {
    gf_object *owner = gf_attribute(view, "obj");
    enum gf_fate fate = GF_FATE_END;
    if (owner && owner->type == gf_python.api.PyBytes_Type)
        fate = GF_FATE_CONTAINER;
    else if (owner && gf_type_is(gf_type_of(owner), "bytearray") &&
             !(gf_type_of(owner)->flags & GF_TYPE_HEAP) && owner->count_low == 2)
        fate = GF_FATE_LEAVE; /* the view's own buffer holds it, and we */
    gf_release(&owner, 1);
    return fate;
}

static long size_of_buffer(gf_object *view) {
    long bytes = 0;
    if (fate_of_buffer(view) == GF_FATE_LEAVE)
        gf_attribute_long(view, "nbytes", &bytes);
    return bytes;
}

/* ---- array.array ---- */

/* Modules/arraymodule.c: it has ob_size, and looks at exports before it is resized. */
static long size_of_numbers(gf_object *array) {
    long item = 0;
    int64_t count = ((const struct gf_items *)array)->count;
    return gf_attribute_long(array, "itemsize", &item) == 0 && count > 0 ? item * count : 0;
}

/* ---- all ---- */

enum gf_family gf_outside_family(const struct gf_type *type, const struct gf_type *c_base) {
    if (gf_type_is(c_base, "array.array"))
        return GF_FAMILY_NUMBERS;
    if (gf_type_is(type, "memoryview") && gf_is_immortal(&type->object))
        return GF_FAMILY_BUFFER;
    if (gf_is_array(type))
        return GF_FAMILY_ARRAY;
    if (gf_is_dtype(type))
        return GF_FAMILY_DTYPE;
    if (gf_is_tensor(type))
        return GF_FAMILY_TENSOR;
    return gf_is_storage(type) ? GF_FAMILY_STORAGE : GF_FAMILY_NONE;
}

enum gf_fate gf_outside_fate(enum gf_family family, gf_object *object) {
    switch (family) {
    case GF_FAMILY_BUFFER:
        return fate_of_buffer(object);
    case GF_FAMILY_ARRAY:
        return gf_array_fate(object);
    case GF_FAMILY_DTYPE:
        return gf_dtype_fate(object);
    case GF_FAMILY_TENSOR:
        return gf_tensor_fate(object);
    case GF_FAMILY_STORAGE:
        return gf_storage_fate(object);
    case GF_FAMILY_NUMBERS:
    case GF_FAMILY_NONE:
        break;
    }
    return GF_FATE_WATCHED;
}

long gf_outside_size(enum gf_family family, gf_object *object) {
    switch (family) {
    case GF_FAMILY_BUFFER:
        return size_of_buffer(object);
    case GF_FAMILY_NUMBERS:
        return size_of_numbers(object);
    case GF_FAMILY_ARRAY:
        return gf_array_size(object);
    case GF_FAMILY_STORAGE:
        return gf_storage_size(object);
    case GF_FAMILY_TENSOR:
        return GF_TENSOR_SIZE;
    case GF_FAMILY_DTYPE:
    case GF_FAMILY_NONE:
        break;
    }
    return 0;
}
