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
#include "cpython/outside.h"

struct gf_kind {
    const struct gf_type *type; /* first: the key in the table */
    int (*traverse)(gf_object *, gf_visit *, void *);
    int32_t size;           /* of an object without its items, see gf_kind_size */
    int32_t weakref_offset; /* of the list of weak references to an object; 0: has none */
    uint8_t fate, shape;
    uint8_t item_size, items_shift; /* bytes; 0: has no items that are known */
    uint8_t family;                 /* see outside.h */
    bool keeps_hash; /* str or bytes, and no class: the hash is kept in it when it is asked for */
};

struct gf_kinds {
    struct gf_table table; /* of struct gf_kind */
    void *class_dealloc;   /* tp_dealloc of all classes that Python code defines */
};

/* Never GF_FATE_EACH. Inside. */
static inline enum gf_fate gf_kind_fate(const struct gf_kind *kind, gf_object *object) {
    if (kind->weakref_offset && *(void *const *)((const char *)object + kind->weakref_offset))
        return GF_FATE_WATCHED; /* somebody wants to know when it dies */
    return kind->fate == GF_FATE_EACH ? gf_outside_fate((enum gf_family)kind->family, object)
                                      : (enum gf_fate)kind->fate;
}

/* The bytes that an object of this kind takes, with the buffers of builtin types and with what
 * outside.h knows: an estimate. What an object of another type holds outside of itself is not in
 * it. Inside. */
static inline long gf_kind_size(const struct gf_kind *kind, gf_object *object) {
    int64_t items = kind->item_size ? ((const struct gf_items *)object)->count : 0;
    long size = kind->size + (items > 0 ? (items >> kind->items_shift) * kind->item_size : 0);
    size = (size + 15) & ~15L; /* what an allocator hands out */
    return kind->family ? size + gf_outside_size((enum gf_family)kind->family, object) : size;
}

/* Prepares an empty table. False: the interpreter does not show a Python class. */
bool gf_kinds_init(struct gf_kinds *kinds);
void gf_kinds_release(struct gf_kinds *kinds);

/* The kind of objects of this type; NULL if there is no memory to keep it. */
const struct gf_kind *gf_kinds_get(struct gf_kinds *kinds, const struct gf_type *type);

#endif
