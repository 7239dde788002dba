#include "cpython/ndarray.h"

#include <stddef.h>
#include <stdint.h>

#include "cpython/call.h"
#include "cpython/interpreter.h"

/* numpy/ndarraytypes.h, PyArrayObject_fields and the first fields of PyArray_Descr: 1.26, 2.0, 2.5.
 * What counts: `resize` refuses an array that owns its data and is held more than once, and always
 * one that does not own it (multiarray/shape.c, PyArray_Resize_int). An operator may write its
 * result into an operand that nobody else holds (multiarray/temp_elide.c): not into an immortal
 * one. */
struct descr {
    gf_object object;
    gf_object *scalar;
    char kind, letter, order, flags;
    int number;
};
struct array {
    gf_object object;
    gf_object **data;
    int dimensions;
    int64_t *lengths, *strides;
    gf_object *base;
    struct descr *descr;
    int flags;
    gf_object *weak_references;
};
enum { OWNS_DATA = 0x0004, WRITES_BACK = 0x2000 };     /* NPY_ARRAY_OWNDATA, .._WRITEBACKIFCOPY */
enum { OBJECTS = 17, RECORDS = 20, NUMBERS_END = 24 }; /* NPY_OBJECT, NPY_VOID, after NPY_HALF */

/* Is it the same as what the object says? */
static bool attribute_is(gf_object *object, const char *name, const void *expected) {
    gf_object *value = gf_attribute(object, name);
    gf_release(&value, 1);
    return value == expected;
}

static bool address_is(gf_object *array, const void *expected) {
    long address = 0;
    gf_object *interface = gf_attribute(array, "__array_interface__");
    gf_object *data =
        interface ? gf_python.api.PyDict_GetItemString(interface, "data") : NULL; /* (int, bool) */
    gf_object *first = data ? gf_python.api.PySequence_GetItem(data, 0) : NULL;
    if (first)
        address = gf_python.api.PyLong_AsLong(first);
    gf_python.api.PyErr_Clear();
    gf_object *const references[] = {first, interface};
    gf_release(references, 2);
    return first && address == (long)(uintptr_t)expected;
}

static bool flags_are(gf_object *array, int expected) {
    long number = -1;
    gf_object *flags = gf_attribute(array, "flags");
    bool said = flags && gf_attribute_long(flags, "num", &number) == 0;
    gf_release(&flags, 1);
    return said && number == expected;
}

static bool agrees(gf_object *object, const void *base, int64_t rows, int64_t columns,
                   int64_t row_stride, int64_t column_stride) {
    const struct array *array = (const struct array *)object;
    return array->dimensions == 2 && array->lengths[0] == rows && array->lengths[1] == columns &&
           array->strides[0] == row_stride && array->strides[1] == column_stride &&
           array->base == base && attribute_is(object, "dtype", array->descr) &&
           flags_are(object, array->flags) && address_is(object, array->data);
}

/* Compares a fresh array of objects, and a view of it, with what they say. */
static bool array_verified(const struct gf_type *type) {
    const struct gf_api *api = &gf_python.api;
    gf_object *class = (gf_object *)(uintptr_t)type;
    gf_object *shape = api->Py_BuildValue("((ii)s)", 2, 3, "O");
    gf_object *array = shape ? api->PyObject_CallObject(class, shape) : NULL;
    gf_object *view = array ? gf_attribute(array, "T") : NULL;
    bool good = view && array->type == class && view->type == class &&
                type->weakref_offset == offsetof(struct array, weak_references) &&
                agrees(array, NULL, 2, 3, 24, 8) && agrees(view, array, 3, 2, 8, 24) &&
                (((const struct array *)array)->flags & OWNS_DATA) &&
                !(((const struct array *)view)->flags & OWNS_DATA) &&
                ((const struct array *)array)->descr->kind == 'O' &&
                ((const struct array *)array)->descr->number == OBJECTS;
    api->PyErr_Clear();
    gf_object *const references[] = {view, array, shape};
    gf_release(references, 3);
    return good;
}

bool gf_is_array(const struct gf_type *type) {
    static const struct gf_type *asked;
    static bool good;
    if (!gf_type_is(type, "numpy.ndarray") || (type->flags & GF_TYPE_HEAP))
        return false;
    if (asked != type) {
        good = array_verified(type);
        asked = type;
    }
    return good;
}

enum gf_fate gf_array_fate(gf_object *object) {
    const struct array *array = (const struct array *)object;
    int number = array->descr->number;
    if (array->flags & WRITES_BACK)
        return GF_FATE_END; /* its end warns */
    if (!(array->flags & OWNS_DATA))
        return GF_FATE_CONTAINER;
    if (number >= 0 && number < NUMBERS_END && number != RECORDS)
        return GF_FATE_BEHIND;
    return gf_attribute_truth(&array->descr->object, "hasobject") == 0 ? GF_FATE_BEHIND
                                                                       : GF_FATE_END;
}

/* What it owns is one block with an object at each place, whatever the strides are. */
static int64_t objects_of(const struct array *array) {
    int64_t count = array->flags & OWNS_DATA && array->descr->number == OBJECTS;
    for (int i = 0; i < array->dimensions; i++)
        count *= array->lengths[i];
    return count;
}

bool gf_array_next(gf_object *object, long *position, gf_object **ret_part) {
    const struct array *array = (const struct array *)object;
    enum { DTYPE, BASE, ITEMS };
    *ret_part = NULL;
    if (*position == DTYPE) {
        *position = BASE;
        *ret_part = &array->descr->object;
    } else if (*position == BASE) {
        *position = ITEMS;
        *ret_part = array->base;
    }
    int64_t count = *ret_part ? 0 : objects_of(array);
    while (!*ret_part && *position - ITEMS < count)
        *ret_part = array->data[(*position)++ - ITEMS]; /* NULL stands for None */
    return *ret_part != NULL;
}

long gf_array_size(gf_object *object) {
    long bytes = 0;
    if (((const struct array *)object)->flags & OWNS_DATA)
        gf_attribute_long(object, "nbytes", &bytes);
    return bytes;
}

bool gf_is_dtype(const struct gf_type *type) {
    static const char name[] = "numpy.dtype";
    return gf_type_derives(type, name, sizeof name - 1);
}

/* The names and fields of one are made by numpy alone. */
enum gf_fate gf_dtype_fate(gf_object *dtype) {
    gf_object *metadata = gf_attribute(dtype, "metadata");
    bool none = metadata && gf_type_is(gf_type_of(metadata), "NoneType");
    gf_release(&metadata, 1);
    return none ? GF_FATE_ATOM : GF_FATE_LEAVE;
}
