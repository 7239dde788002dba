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
#include <string.h>

#include "cpython/api.h"

struct gf_object {
    union {
        int64_t count_word;
        int32_t count_low; /* negative: immortal (3.12 and later) */
    };
    gf_object *type;
};

/* What has items says here how many: list, tuple, bytes, bytearray and code (ob_size), str
 * (length), dict (ma_used), set (fill), and an int in its own way (lv_tag: shifted by 3). For
 * estimates: not verified. Source: Include/cpython/ of 3.12 to 3.15. */
struct gf_items {
    gf_object object;
    int64_t count;
};

typedef int gf_visit(gf_object *, void *);

struct gf_type {
    gf_object object;
    int64_t size;
    const char *name;
    int64_t basic_size, item_size;
    void *between[15];
    uint64_t flags;
    void *doc;
    int (*traverse)(gf_object *, gf_visit *, void *);
    void *clear, *richcompare;
    int64_t weakref_offset;
};

/* Include/object.h, Py_TPFLAGS_* */
#define GF_TYPE_OWN_DICT  (UINT64_C(1) << 4)
#define GF_TYPE_HEAP      (UINT64_C(1) << 9)
#define GF_TYPE_GC        (UINT64_C(1) << 14)
#define GF_TYPE_LONG      (UINT64_C(1) << 24)
#define GF_TYPE_LIST      (UINT64_C(1) << 25)
#define GF_TYPE_TUPLE     (UINT64_C(1) << 26)
#define GF_TYPE_BYTES     (UINT64_C(1) << 27)
#define GF_TYPE_UNICODE   (UINT64_C(1) << 28)
#define GF_TYPE_DICT      (UINT64_C(1) << 29)
#define GF_TYPE_EXCEPTION (UINT64_C(1) << 30)
#define GF_TYPE_CLASS     (UINT64_C(1) << 31)

static inline bool gf_is_immortal(const gf_object *object) {
    return object->count_low < 0;
}

static inline const struct gf_type *gf_type_of(const gf_object *object) {
    return (const struct gf_type *)object->type;
}

/* Set by us beside what makes an object immortal. Interpreters ignore it: 3.12 and 3.13 look at the
 * lower half of the word alone (Include/object.h, _Py_IsImmortal), and from 3.14 on it is in
 * ob_overflow, which nothing reads (Include/refcount.h). The lowest bits of that half would not do:
 * an extension that was compiled for 3.11 counts in the whole word. */
#define GF_MARKED_BY_US (INT64_C(1) << 40)
#define GF_MARKED_ASKED (INT64_C(1) << 41) /* instead: the application asked for it */

static inline bool gf_is_marked(const gf_object *object) {
    return gf_is_immortal(object) && (object->count_word & GF_MARKED_BY_US);
}

/* They are immortal from the start; what their methods are made of is not. */
static inline bool gf_is_static_class(const gf_object *object) {
    return (gf_type_of(object)->flags & GF_TYPE_CLASS) &&
           !(((const struct gf_type *)object)->flags & GF_TYPE_HEAP);
}

static inline bool gf_type_is(const struct gf_type *type, const char *name) {
    return type && strcmp(type->name, name) == 0;
}

/* Its first base, or NULL. Inside. */
const struct gf_type *gf_type_base(const struct gf_type *type);

/* Is it, or one of its first bases, called so? The name has `length` bytes. Inside. */
bool gf_type_derives(const struct gf_type *type, const char *name, size_t length);

/* Does the interpreter confirm all of the above? Inside. */
bool gf_layout_verified(void);

/* The dict of a module, borrowed; NULL if it is none, as what a program may put into sys.modules.
 * Inside, after gf_layout_verified. */
gf_object *gf_module_names(gf_object *module);

#endif
