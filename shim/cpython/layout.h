/* The few fields of objects and types that are read in place, because a function call for each
 * of millions of objects would cost more than the walk itself.
 *
 * Source: Include/object.h and Include/cpython/object.h of 3.12 and 3.13, builds with the GIL on
 * 64-bit machines. Nothing here is used before gf_layout_verified has compared it with what the
 * interpreter says about itself.
 */
#ifndef GF_CPYTHON_LAYOUT_H
#define GF_CPYTHON_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "cpython/api.h"

struct gf_object {
    union {
        int64_t count_word;
        int32_t count_low; /* negative: immortal (3.12 and later) */
    };
    gf_object *type;
};

typedef int gf_visit(gf_object *, void *);

struct gf_type {
    gf_object object;
    int64_t size;
    const char *name;
    int64_t basic_size;
    void *between[16];
    uint64_t flags;
    void *doc;
    int (*traverse)(gf_object *, gf_visit *, void *);
    void *clear, *richcompare;
    int64_t weakref_offset;
};

/* Include/object.h, Py_TPFLAGS_* */
#define GF_TYPE_HEAP      (UINT64_C(1) << 9)
#define GF_TYPE_GC        (UINT64_C(1) << 14)
#define GF_TYPE_LIST      (UINT64_C(1) << 25)
#define GF_TYPE_TUPLE     (UINT64_C(1) << 26)
#define GF_TYPE_DICT      (UINT64_C(1) << 29)
#define GF_TYPE_EXCEPTION (UINT64_C(1) << 30)
#define GF_TYPE_CLASS     (UINT64_C(1) << 31)

static inline bool gf_is_immortal(const gf_object *object) {
    return object->count_low < 0;
}

static inline const struct gf_type *gf_type_of(const gf_object *object) {
    return (const struct gf_type *)object->type;
}

/* Does the interpreter confirm all of the above? Inside. */
bool gf_layout_verified(void);

/* The dict of a module, borrowed; NULL if it is none, as what a program may put into sys.modules.
 * Inside, after gf_layout_verified. */
gf_object *gf_module_names(gf_object *module);

#endif
