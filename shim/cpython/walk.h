/* The walk over objects, from roots (roots.h). What is done with an object is a visitor's business:
 * mark.c makes it immortal, count.c counts its bytes.
 *
 * An explicit stack, no recursion; no bytecode, no import, no release of the GIL. Inside only.
 */
#ifndef GF_CPYTHON_WALK_H
#define GF_CPYTHON_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addresses.h"
#include "base/memory.h"
#include "cpython/kinds.h"
#include "cpython/layout.h"

/* An object whose parts are to be looked at. Lists, tuples, sets and dicts are taken up again where
 * they were left, so the stack is as deep as the graph and not as wide. */
struct gf_frame {
    gf_object *object;
    int64_t count_word; /* before it was marked */
    long position;      /* index, or the cursor of PyDict_Next and _PySet_NextEntry */
    long parent;        /* the frame that pushed this one, or -1 */
    long kept;          /* bytes of mortal objects that are kept by this one; the visitor's */
};

/* So far up is looked for what keeps an object: chains of mortal objects may be long. */
enum { GF_WALK_CLOSE = 16 };

struct gf_walk {
    /* Called for whatever is found, with the walk: pushes what is to be looked behind. Returns 0,
     * or 1 if memory ran out: what tp_traverse expects of a visitor that wants to end. */
    gf_visit *visit;

    struct gf_kinds kinds;
    struct gf_memory stack; /* of struct gf_frame */
    size_t depth;
    long current;              /* index of the frame whose parts are being found; -1: none */
    struct gf_addresses seen;  /* what was pushed once, or found once: the visitor's choice */
    const gf_object *names;    /* of the module that is being looked into; NULL: of none */
    struct gf_kind recent[16]; /* copies, by type: most neighbours are of a few */
};

/* For roots.c, with a walk that is zero but for its visitor. False: the interpreter does not show a
 * Python class. */
bool gf_walk_begin(struct gf_walk *walk);
void gf_walk_end(struct gf_walk *walk);

/* Looks at the parts of what has been pushed, until nothing is left. 1: a visitor wants to end. */
int gf_walk_through(struct gf_walk *walk);

/* The next part of a container, and for a dict its key too; false at the end. */
bool gf_walk_next(struct gf_frame *frame, enum gf_shape shape, gf_object **ret_key,
                  gf_object **ret_value);

/* ---- for visitors ---- */

static inline struct gf_frame *gf_walk_frames(const struct gf_walk *walk) {
    return walk->stack.data;
}

/* The parts of this object are to be found; `count_word` is what it was before. False: no memory.
 */
bool gf_walk_push(struct gf_walk *walk, gf_object *object, int64_t count_word);

/* The same, unless `seen` has it already. */
bool gf_walk_push_once(struct gf_walk *walk, gf_object *object);

/* Valid until the next call; NULL: no memory. */
static inline const struct gf_kind *gf_walk_kind(struct gf_walk *walk, const gf_object *object) {
    const struct gf_type *type = gf_type_of(object);
    struct gf_kind *place = walk->recent + ((uintptr_t)type >> 6) % 16;
    if (place->type == type)
        return place;
    const struct gf_kind *kind = gf_kinds_get(&walk->kinds, type);
    if (!kind)
        return NULL;
    *place = *kind;
    return place;
}

#endif
