/* The walk over what the loaded modules hold. What is done with an object is a visitor's business:
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
};

struct gf_walk {
    /* Called for whatever is found, with the walk: pushes what is to be looked behind. Returns 0,
     * or 1 if memory ran out: what tp_traverse expects of a visitor that wants to end. */
    gf_visit *visit;

    struct gf_kinds kinds;
    struct gf_memory stack; /* of struct gf_frame */
    size_t depth;
    long current;              /* index of the frame whose parts are being found; -1: none */
    struct gf_addresses seen;  /* what was pushed once, or found once: the visitor's choice */
    const gf_object *names;    /* of the module that is being looked into */
    struct gf_kind recent[16]; /* copies, by type: most neighbours are of a few */
};

/* Walks from sys.modules, with a walk that is zero but for its visitor. Modules are looked into
 * each time, and the ends of the lists and dicts that they hold directly, even if they are immortal
 * already. False: memory ran out, and not everything was found. */
bool gf_walk_modules(struct gf_walk *walk);

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
