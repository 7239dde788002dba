#include "cpython/mark.h"

#include <stddef.h>
#include <stdint.h>

#include "cpython/interpreter.h"
#include "cpython/roots.h"

/* A count that no mortal object has. */
enum { SPARED = -1 };

struct marking {
    struct gf_walk walk; /* first: a visitor's context is the walk; seen: mortal or static objects
                            that have been looked at */
    void (*mark)(gf_object *);
    struct gf_marked marked;
};

/* Modules end with the process, and classes are parts of cycles that only the collector ends. */
static bool ends_by_count(const struct gf_walk *walk, gf_object *object) {
    const struct gf_type *type = gf_type_of(object);
    return object != walk->names && !(type->flags & GF_TYPE_CLASS) &&
           !gf_python.api.PyType_IsSubtype((gf_object *)(uintptr_t)type,
                                           gf_python.api.PyModule_Type);
}

static void take_back(struct marking *marking, const struct gf_frame *frame) {
    const struct gf_kind *kind = gf_walk_kind(&marking->walk, frame->object);
    frame->object->count_word = frame->count_word;
    marking->marked.objects--;
    marking->marked.bytes -= frame->kept;
    if (kind)
        marking->marked.bytes -= gf_kind_size(kind, frame->object);
}

/* The object whose parts are being found holds something whose end can be noticed. It stays mortal,
 * and so does what alone holds it, and so on: when they are dropped, that end must come. */
static int spare_holders(struct marking *marking) {
    struct gf_walk *walk = &marking->walk;
    for (long i = walk->current; i >= 0; i = gf_walk_frames(walk)[i].parent) {
        const struct gf_frame frame = gf_walk_frames(walk)[i];
        const gf_object before = {.count_word = frame.count_word};
        bool new = false;
        if (gf_is_immortal(&before) || !ends_by_count(walk, frame.object))
            break;
        if (gf_is_immortal(frame.object)) {
            if (!gf_addresses_add(&walk->seen, frame.object, &new))
                return 1;
            take_back(marking, &frame);
        }
        gf_walk_frames(walk)[i].count_word =
            SPARED; /* a next end ends here: what is above is done */
        if (before.count_low != 1)
            break;
    }
    return 0;
}

/* A mortal object that is found for the first time is kept by what became immortal right now and
 * holds it, or holds its holder. A module's names may let go of it. */
static void keep(struct marking *marking, const struct gf_kind *kind, gf_object *object) {
    struct gf_walk *walk = &marking->walk;
    long size = gf_kind_size(kind, object);
    long i = walk->current;
    for (int up = 0; i >= 0 && up < GF_WALK_CLOSE; up++) {
        struct gf_frame *holder = gf_walk_frames(walk) + i;
        const gf_object before = {.count_word = holder->count_word};
        if (gf_is_immortal(holder->object)) {
            if (holder->object == walk->names || gf_is_immortal(&before))
                return;
            holder->kept += size;
            marking->marked.bytes += size;
            return;
        }
        i = holder->parent;
    }
}

static int leave(struct marking *marking, const struct gf_kind *kind, gf_object *object,
                 bool behind) {
    bool new = false;
    if (!gf_addresses_add(&marking->walk.seen, object, &new))
        return 1;
    if (!new)
        return 0;
    keep(marking, kind, object);
    return behind && !gf_walk_push(&marking->walk, object, object->count_word);
}

static int visit(gf_object *object, void *context) {
    struct marking *marking = context;
    struct gf_walk *walk = &marking->walk;
    if (gf_is_immortal(object))
        return gf_is_static_class(object) && !gf_walk_push_once(walk, object);
    const struct gf_kind *kind = gf_walk_kind(walk, object);
    if (!kind)
        return 1;
    enum gf_fate fate = gf_kind_fate(kind, object);
    switch (fate) {
    case GF_FATE_LEAVE:
    case GF_FATE_BEHIND:
        return leave(marking, kind, object, fate == GF_FATE_BEHIND);
    case GF_FATE_END:
        return spare_holders(marking);
    case GF_FATE_WATCHED:
        return spare_holders(marking) || !gf_walk_push_once(walk, object);
    case GF_FATE_ATOM:
    case GF_FATE_CONTAINER:
    case GF_FATE_EACH: /* not an answer */
        break;
    }
    /* one that was spared has been looked behind, and what is behind may not be found again */
    if (fate == GF_FATE_CONTAINER && gf_addresses_have(&walk->seen, object))
        return 0;
    if (kind->keeps_hash)
        gf_python.api.PyObject_Hash(object); /* or the first worker to ask copies the page */
    int64_t count_word = object->count_word;
    marking->mark(object);
    marking->marked.objects++;
    marking->marked.bytes += gf_kind_size(kind, object);
    return fate == GF_FATE_CONTAINER && !gf_walk_push(walk, object, count_word);
}

struct gf_marked gf_mark(void (*mark)(gf_object *), unsigned roots, gf_object *object) {
    struct marking marking = {.walk.visit = visit, .mark = mark};
    marking.marked.complete = gf_roots_walk(&marking.walk, roots, object);
    return marking.marked;
}
