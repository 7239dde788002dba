#include "cpython/walk.h"

#include <stddef.h>
#include <stdint.h>

#include "cpython/call.h"
#include "cpython/generation.h"
#include "cpython/interpreter.h"
#include "cpython/ndarray.h"
#include "cpython/tensor.h"

/* A position that no cursor has: all parts have been found, those that were pushed come first. */
enum { PARTS_FOUND = -1 };

bool gf_walk_push(struct gf_walk *walk, gf_object *object, int64_t count_word) {
    if ((walk->depth + 1) * sizeof(struct gf_frame) > walk->stack.size &&
        !gf_memory_grow(&walk->stack, (walk->depth + 1) * sizeof(struct gf_frame)))
        return false;
    gf_walk_frames(walk)[walk->depth++] =
        (struct gf_frame){.object = object, .count_word = count_word, .parent = walk->current};
    return true;
}

bool gf_walk_push_once(struct gf_walk *walk, gf_object *object) {
    bool new = false;
    if (!gf_addresses_add(&walk->seen, object, &new))
        return false;
    return !new || gf_walk_push(walk, object, object->count_word);
}

/* A new reference to what another object holds. It is given back at first: the count before the
 * mark may be needed again. What is held by nobody else was made for us. */
static int visit_new(struct gf_walk *walk, gf_object *reference) {
    if (!reference) {
        gf_python.api.PyErr_Clear();
        return 0;
    }
    bool held = gf_is_immortal(reference) || reference->count_low > 1;
    gf_python.api.Py_DecRef(reference);
    return held ? walk->visit(reference, walk) : 0;
}

/* Attributes of an object that are computed by C code alone. */
static int visit_attributes(struct gf_walk *walk, gf_object *object,
                            const char *const *attributes) {
    int result = 0;
    for (; *attributes && result == 0; attributes++)
        result = visit_new(walk, gf_attribute(object, *attributes));
    return result;
}

static int visit_class(struct gf_walk *walk, const struct gf_kind *kind, gf_object *class) {
    const struct gf_api *api = &gf_python.api;
    int result = 0;
    /* type_traverse aborts on a static class */
    if (kind->traverse && api->PyObject_IS_GC(class))
        result = kind->traverse(class, walk->visit, walk);
    if (result == 0)
        result = visit_new(walk, api->PyType_GetDict(class));
    if (result == 0 && ((const struct gf_type *)class)->flags & GF_TYPE_HEAP)
        result = visit_new(walk, api->PyType_GetName(class)) ||
                 visit_new(walk, api->PyType_GetQualName(class));
    return result;
}

/* Torch may hold the object for us alone: nobody looks at it again after this. */
static int visit_storage(struct gf_walk *walk, gf_object *tensor) {
    gf_object *storage = gf_tensor_storage(tensor);
    int result = storage ? walk->visit(storage, walk) : 0;
    gf_release(&storage, 1);
    return result;
}

/* Parts that are found all at once. */
static int visit_parts(struct gf_walk *walk, const struct gf_kind *kind, gf_object *object) {
    static const char *const code_parts[] = {"co_consts",         "co_names",    "co_filename",
                                             "co_name",           "co_qualname", "co_linetable",
                                             "co_exceptiontable", NULL};
    struct gf_kind copy = *kind; /* visiting may replace it */
    if (copy.shape == GF_SHAPE_CODE)
        return visit_attributes(walk, object, code_parts);
    if (copy.shape == GF_SHAPE_CLASS)
        return visit_class(walk, &copy, object);
    /* The collector traverses tracked objects alone; others may be half-built. */
    if (copy.traverse && gf_python.api.PyObject_GC_IsTracked(object) &&
        copy.traverse(object, walk->visit, walk))
        return 1;
    return copy.shape == GF_SHAPE_TENSOR ? visit_storage(walk, object) : 0;
}

bool gf_walk_next(struct gf_frame *frame, enum gf_shape shape, gf_object **ret_key,
                  gf_object **ret_value) {
    const struct gf_api *api = &gf_python.api;
    long hash = 0;
    *ret_key = NULL;
    if (shape == GF_SHAPE_DICT || shape == GF_SHAPE_DICT_SUBTYPE)
        return api->PyDict_Next(frame->object, &frame->position, ret_key, ret_value);
    if (shape == GF_SHAPE_SET)
        return api->_PySet_NextEntry(frame->object, &frame->position, ret_value, &hash);
    if (shape == GF_SHAPE_ARRAY)
        return gf_array_next(frame->object, &frame->position, ret_value);
    bool list = shape == GF_SHAPE_LIST;
    long size = list ? api->PyList_Size(frame->object) : api->PyTuple_Size(frame->object);
    if (frame->position >= size)
        return false;
    *ret_value = list ? api->PyList_GetItem(frame->object, frame->position)
                      : api->PyTuple_GetItem(frame->object, frame->position);
    frame->position++;
    return true;
}

/* Up to 3.13 a dict is tracked when something is put in that may be part of a cycle
 * (Objects/dictobject.c, MAINTAIN_TRACKING); it may be traversed before, too. */
static bool belongs_to_collector(gf_object *object) {
    const void *type = object->type;
    return type == gf_python.api.PyDict_Type || gf_python.api.PyObject_GC_IsTracked(object);
}

/* Takes an object off the stack with whose parts we are done. One that became immortal in this walk
 * stays so from here on, and leaves the collector's lists; writing to one that was immortal before
 * would copy what children share. */
static void take_off(struct gf_walk *walk) {
    const struct gf_frame frame = gf_walk_frames(walk)[--walk->depth];
    const gf_object before = {.count_word = frame.count_word};
    if (!gf_is_immortal(&before) && gf_is_immortal(frame.object) &&
        belongs_to_collector(frame.object))
        gf_generation_take(frame.object);
}

/* Takes the object off the stack, unless some of its parts are on top of it. */
static int find_parts(struct gf_walk *walk, const struct gf_kind *kind) {
    size_t depth = walk->depth;
    struct gf_frame *frame = gf_walk_frames(walk) + depth - 1;
    frame->position = PARTS_FOUND;
    int result = visit_parts(walk, kind, frame->object);
    if (walk->depth == depth)
        take_off(walk);
    return result;
}

static int advance(struct gf_walk *walk) {
    struct gf_frame *frame = gf_walk_frames(walk) + walk->depth - 1;
    if (frame->position == PARTS_FOUND) {
        take_off(walk);
        return 0;
    }
    const struct gf_kind *kind = gf_walk_kind(walk, frame->object);
    if (!kind)
        return 1;
    enum gf_shape shape = kind->shape;
    walk->current = (long)walk->depth - 1;
    if (shape < GF_SHAPE_LIST)
        return find_parts(walk, kind);
    size_t depth = walk->depth;
    gf_object *key = NULL, *value = NULL;
    while (gf_walk_next(frame, shape, &key, &value)) {
        if ((key && walk->visit(key, walk)) || (value && walk->visit(value, walk)))
            return 1;
        if (walk->depth != depth)
            return 0; /* first what was found; the rest is taken up again later */
    }
    if (shape == GF_SHAPE_DICT_SUBTYPE) {
        kind = gf_walk_kind(walk, frame->object); /* visiting may have replaced it */
        return !kind || find_parts(walk, kind);
    }
    take_off(walk);
    return 0;
}

int gf_walk_through(struct gf_walk *walk) {
    while (walk->depth > 0) {
        if (advance(walk))
            return 1;
    }
    walk->current = -1;
    return 0;
}

bool gf_walk_begin(struct gf_walk *walk) {
    walk->current = -1;
    return gf_kinds_init(&walk->kinds);
}

void gf_walk_end(struct gf_walk *walk) {
    gf_kinds_release(&walk->kinds);
    gf_memory_release(&walk->stack);
    gf_addresses_release(&walk->seen);
}
