/* What the walk does with an object of a given type.
 *
 * Types are judged once per walk and kept in a table. Inside only; calls nothing that runs
 * bytecode.
 */
#ifndef GF_CPYTHON_KINDS_H
#define GF_CPYTHON_KINDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/table.h"
#include "cpython/layout.h"

/* See fates.def. */
enum gf_fate {
    GF_FATE_ATOM = 1,
    GF_FATE_CONTAINER,
    GF_FATE_BEHIND,
    GF_FATE_LEAVE,
    GF_FATE_WATCHED,
    GF_FATE_END
};

/* How to find what an object refers to: all at once, or, from LIST on, one by one. */
enum gf_shape {
    GF_SHAPE_TRAVERSE,    /* tp_traverse */
    GF_SHAPE_CODE,        /* attributes: code objects have no tp_traverse */
    GF_SHAPE_CLASS,       /* tp_traverse, if the class is no static one; the dict and the names */
    GF_SHAPE_LIST,        /* by index */
    GF_SHAPE_TUPLE,       /* by index */
    GF_SHAPE_SET,         /* _PySet_NextEntry */
    GF_SHAPE_DICT,        /* PyDict_Next: tp_traverse misses the keys of all-string dicts */
    GF_SHAPE_DICT_SUBTYPE /* the same, then tp_traverse for what the subtype adds */
};

struct gf_kind {
    const struct gf_type *type; /* first: the key in the table */
    int (*traverse)(gf_object *, gf_visit *, void *);
    int32_t size;           /* of an object without its items, see gf_kind_size */
    int32_t weakref_offset; /* of the list of weak references to an object; 0: has none */
    uint8_t fate, shape;
    uint8_t item_size, items_shift; /* bytes; 0: has no items that are known */
    bool keeps_hash; /* exactly str or bytes: their hash is kept in the object when it is asked for
                      */
};

struct gf_kinds {
    struct gf_table table;              /* of struct gf_kind */
    const struct gf_type *thread_class; /* threading.Thread, or NULL */
    void *class_dealloc;                /* tp_dealloc of all classes that Python code defines */
};

static inline enum gf_fate gf_kind_fate(const struct gf_kind *kind, const gf_object *object) {
    if (kind->fate == GF_FATE_CONTAINER && kind->weakref_offset &&
        *(void *const *)((const char *)object + kind->weakref_offset))
        return GF_FATE_WATCHED; /* somebody wants to know when it dies */
    return (enum gf_fate)kind->fate;
}

/* The bytes that an object of this kind takes, with the buffers of builtin types: an estimate. What
 * an object of another type holds outside of itself is not in it. */
static inline long gf_kind_size(const struct gf_kind *kind, const gf_object *object) {
    int64_t items = kind->item_size ? ((const struct gf_items *)object)->count : 0;
    long size = kind->size + (items > 0 ? (items >> kind->items_shift) * kind->item_size : 0);
    return (size + 15) & ~15L; /* what an allocator hands out */
}

/* Prepares an empty table. False: the interpreter does not show a Python class. */
bool gf_kinds_init(struct gf_kinds *kinds);
void gf_kinds_release(struct gf_kinds *kinds);

/* The kind of objects of this type; NULL if there is no memory to keep it. */
const struct gf_kind *gf_kinds_get(struct gf_kinds *kinds, const struct gf_type *type);

#endif
