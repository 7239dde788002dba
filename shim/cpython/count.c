#include "cpython/count.h"

#include <limits.h>

#include "cpython/roots.h"

struct counting {
    struct gf_walk walk; /* first: a visitor's context is the walk; seen: all that was counted */
    bool behind;
    long objects, most; /* fresh ones */
    struct gf_counted counted;
};

static bool lasts(enum gf_fate fate) {
    return fate == GF_FATE_ATOM || fate == GF_FATE_CONTAINER;
}

/* Where the bytes of an object count that stays mortal: where those of what keeps it do, as in
 * mark.c. */
static long *place_of(struct counting *counting) {
    struct gf_walk *walk = &counting->walk;
    long i = walk->current;
    for (int up = 0; i >= 0 && up < GF_WALK_CLOSE; up++) {
        gf_object *holder = gf_walk_frames(walk)[i].object;
        if (holder == walk->names)
            break;
        if (gf_is_marked(holder))
            return &counting->counted.marked;
        const struct gf_kind *kind = gf_walk_kind(walk, holder);
        if (kind && !gf_is_immortal(holder) && lasts(gf_kind_fate(kind, holder)))
            return &counting->counted.fresh;
        i = gf_walk_frames(walk)[i].parent;
    }
    return &counting->counted.others;
}

static int visit_mortal(struct counting *counting, const struct gf_kind *kind, gf_object *object) {
    enum gf_fate fate = gf_kind_fate(kind, object);
    bool fresh = lasts(fate);
    long size = gf_kind_size(kind, object);
    if (fate == GF_FATE_LEAVE || fate == GF_FATE_BEHIND)
        *place_of(counting) += size;
    else
        *(fresh ? &counting->counted.fresh : &counting->counted.others) += size;
    counting->objects += fresh;
    if (counting->objects >= counting->most)
        return 1;
    /* no mark is behind the last two, but what is marked may be reached through them */
    bool ends_here = fate == GF_FATE_LEAVE || fate == GF_FATE_END;
    if (fate == GF_FATE_ATOM || (ends_here && !counting->behind))
        return 0;
    return !gf_walk_push(&counting->walk, object, object->count_word);
}

static int visit(gf_object *object, void *context) {
    struct counting *counting = context;
    struct gf_walk *walk = &counting->walk;
    bool immortal = gf_is_immortal(object);
    bool new = false;
    if (immortal && !gf_is_marked(object)) /* by the interpreter */
        return gf_is_static_class(object) && !gf_walk_push_once(walk, object);
    if (immortal && !counting->behind)
        return 0;
    if (!gf_addresses_add(&walk->seen, object, &new))
        return 1;
    if (!new)
        return 0;
    const struct gf_kind *kind = gf_walk_kind(walk, object);
    if (!kind)
        return 1;
    if (!immortal)
        return visit_mortal(counting, kind, object);
    counting->counted.marked += gf_kind_size(kind, object);
    return kind->fate != GF_FATE_ATOM && !gf_walk_push(walk, object, object->count_word);
}

bool gf_count(unsigned roots, bool behind, struct gf_counted *ret) {
    struct counting counting = {.walk.visit = visit, .behind = behind, .most = LONG_MAX};
    bool complete = gf_roots_walk(&counting.walk, roots, NULL);
    *ret = counting.counted;
    return complete;
}

long gf_count_fresh(unsigned roots, long most) {
    struct counting counting = {.walk.visit = visit, .most = most};
    gf_roots_walk(&counting.walk, roots, NULL);
    return counting.objects;
}
