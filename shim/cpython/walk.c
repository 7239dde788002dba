#include "cpython/walk.h"

#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"
#include "cpython/call.h"
#include "cpython/interpreter.h"
#include "cpython/kinds.h"

/* An object whose parts are being looked at. Lists, tuples, sets and dicts are taken up again where
 * they were left, so the stack is as deep as the graph and not as wide. */
struct frame {
    gf_object *object;
    long position; /* index, or the cursor of PyDict_Next and _PySet_NextEntry */
};

struct walk {
    struct gf_kinds kinds;
    struct gf_memory stack; /* of struct frame */
    size_t depth;
    struct gf_memory seen; /* hash table of mortal or static objects that have been looked behind */
    size_t seen_count;
    void (*mark)(gf_object *);
    long marked;
    const struct gf_kind *last; /* most neighbours are of one type */
    size_t last_count;
};

static bool push(struct walk *walk, gf_object *object) {
    if ((walk->depth + 1) * sizeof(struct frame) > walk->stack.size &&
        !gf_memory_grow(&walk->stack, (walk->depth + 1) * sizeof(struct frame)))
        return false;
    ((struct frame *)walk->stack.data)[walk->depth++] = (struct frame){object, 0};
    return true;
}

static gf_object **seen_place(const struct gf_memory *table, const gf_object *object) {
    gf_object **places = table->data;
    size_t mask = table->size / sizeof *places - 1; /* sizes are powers of two */
    size_t i = ((uintptr_t)object >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 20;
    while (places[i & mask] && places[i & mask] != object)
        i++;
    return &places[i & mask];
}

static bool seen_grow(struct walk *walk) {
    struct gf_memory larger = {0};
    gf_object *const *old = walk->seen.data;
    if (!gf_memory_grow(&larger, walk->seen.size ? 2 * walk->seen.size : 1))
        return false;
    for (size_t i = 0; i < walk->seen.size / sizeof *old; i++) {
        if (old[i])
            *seen_place(&larger, old[i]) = old[i];
    }
    gf_memory_release(&walk->seen);
    walk->seen = larger;
    return true;
}

/* Pushes an object that does not carry a mark, unless it was pushed before. */
static bool push_once(struct walk *walk, gf_object *object) {
    if (2 * (walk->seen_count + 1) * sizeof(gf_object *) > walk->seen.size && !seen_grow(walk))
        return false;
    gf_object **place = seen_place(&walk->seen, object);
    if (*place)
        return true;
    *place = object;
    walk->seen_count++;
    return push(walk, object);
}

static const struct gf_kind *kind_of(struct walk *walk, const gf_object *object) {
    const struct gf_type *type = gf_type_of(object);
    if (walk->last && walk->last->type == type && walk->last_count == walk->kinds.count)
        return walk->last;
    walk->last = gf_kinds_get(&walk->kinds, type);
    walk->last_count = walk->kinds.count; /* a grown table has moved */
    return walk->last;
}

/* They are immortal from the start; what their methods are made of is not. */
static bool is_static_class(const gf_object *object) {
    return (gf_type_of(object)->flags & GF_TYPE_CLASS) &&
           !(((const struct gf_type *)object)->flags & GF_TYPE_HEAP);
}

/* Returns 0, or 1 if memory ran out: what tp_traverse expects of a visitor that wants to end. */
static int visit(gf_object *object, void *context) {
    struct walk *walk = context;
    if (gf_is_immortal(object))
        return is_static_class(object) && !push_once(walk, object);
    const struct gf_kind *kind = kind_of(walk, object);
    if (!kind)
        return 1;
    enum gf_fate fate = kind->fate;
    if (kind->weakref_offset && *(void **)((char *)object + kind->weakref_offset) &&
        fate == GF_FATE_CONTAINER)
        fate = GF_FATE_BEHIND; /* somebody wants to know when it dies */
    switch (fate) {
    case GF_FATE_LEAVE:
        return 0;
    case GF_FATE_BEHIND:
        return !push_once(walk, object);
    case GF_FATE_ATOM:
    case GF_FATE_CONTAINER:
        break;
    }
    walk->mark(object);
    walk->marked++;
    return fate == GF_FATE_CONTAINER && !push(walk, object);
}

/* Attributes of an object that are computed by C code alone. */
static int visit_attributes(struct walk *walk, gf_object *object, const char *const *attributes) {
    int result = 0;
    for (; *attributes && result == 0; attributes++) {
        gf_object *value = gf_attribute(object, *attributes);
        if (!value)
            continue;
        result = visit(value, walk);
        gf_python.api.Py_DecRef(value);
    }
    return result;
}

static int visit_new(struct walk *walk, gf_object *reference) {
    if (!reference) {
        gf_python.api.PyErr_Clear();
        return 0;
    }
    int result = visit(reference, walk);
    gf_python.api.Py_DecRef(reference);
    return result;
}

static int visit_class(struct walk *walk, const struct gf_kind *kind, gf_object *class) {
    const struct gf_api *api = &gf_python.api;
    int result = 0;
    /* type_traverse aborts on a static class */
    if (kind->traverse && api->PyObject_IS_GC(class))
        result = kind->traverse(class, visit, walk);
    if (result == 0)
        result = visit_new(walk, api->PyType_GetDict(class));
    if (result == 0 && ((const struct gf_type *)class)->flags & GF_TYPE_HEAP)
        result = visit_new(walk, api->PyType_GetName(class)) ||
                 visit_new(walk, api->PyType_GetQualName(class));
    return result;
}

static int visit_dict(struct walk *walk, gf_object *dict) {
    gf_object *key = NULL, *value = NULL;
    long cursor = 0;
    int result = 0;
    while (result == 0 && gf_python.api.PyDict_Next(dict, &cursor, &key, &value))
        result = visit(key, walk) || visit(value, walk);
    return result;
}

/* Parts that are found all at once; the object is off the stack already. */
static int visit_parts(struct walk *walk, const struct gf_kind *kind, gf_object *object) {
    static const char *const code_parts[] = {"co_consts",         "co_names",    "co_filename",
                                             "co_name",           "co_qualname", "co_linetable",
                                             "co_exceptiontable", NULL};
    struct gf_kind copy = *kind; /* visiting may move the table */
    if (copy.shape == GF_SHAPE_CODE)
        return visit_attributes(walk, object, code_parts);
    if (copy.shape == GF_SHAPE_CLASS)
        return visit_class(walk, &copy, object);
    /* The collector traverses tracked objects alone; others may be half-built. */
    if (copy.traverse && gf_python.api.PyObject_GC_IsTracked(object))
        return copy.traverse(object, visit, walk);
    return 0;
}

/* The next part of a container, and for a dict its key too; false at the end. */
static bool next_parts(struct frame *frame, enum gf_shape shape, gf_object **ret_key,
                       gf_object **ret_value) {
    const struct gf_api *api = &gf_python.api;
    long hash = 0;
    *ret_key = NULL;
    if (shape == GF_SHAPE_DICT || shape == GF_SHAPE_DICT_SUBTYPE)
        return api->PyDict_Next(frame->object, &frame->position, ret_key, ret_value);
    if (shape == GF_SHAPE_SET)
        return api->_PySet_NextEntry(frame->object, &frame->position, ret_value, &hash);
    bool list = shape == GF_SHAPE_LIST;
    long size = list ? api->PyList_Size(frame->object) : api->PyTuple_Size(frame->object);
    if (frame->position >= size)
        return false;
    *ret_value = list ? api->PyList_GetItem(frame->object, frame->position)
                      : api->PyTuple_GetItem(frame->object, frame->position);
    frame->position++;
    return true;
}

static int advance(struct walk *walk) {
    struct frame *frame = (struct frame *)walk->stack.data + walk->depth - 1;
    gf_object *object = frame->object;
    const struct gf_kind *kind = kind_of(walk, object);
    if (!kind)
        return 1;
    enum gf_shape shape = kind->shape;
    if (shape < GF_SHAPE_LIST) {
        walk->depth--;
        return visit_parts(walk, kind, object);
    }
    size_t depth = walk->depth;
    gf_object *key = NULL, *value = NULL;
    while (next_parts(frame, shape, &key, &value)) {
        if ((key && visit(key, walk)) || (value && visit(value, walk)))
            return 1;
        if (walk->depth != depth)
            return 0; /* first what was found; the rest is taken up again later */
    }
    walk->depth--;
    if (shape != GF_SHAPE_DICT_SUBTYPE)
        return 0;
    kind = kind_of(walk, object); /* the table may have moved */
    return !kind || visit_parts(walk, kind, object);
}

static int run(struct walk *walk) {
    while (walk->depth > 0) {
        if (advance(walk))
            return 1;
    }
    return 0;
}

/* Some entries and not one: new ones may hold None or a small int here and there. */
static bool immortal_at(gf_object *container, enum gf_shape shape, long position) {
    struct frame frame = {container, position};
    gf_object *key = NULL, *value = NULL;
    for (int i = 0; i < 8 && next_parts(&frame, shape, &key, &value); i++) {
        if ((key && !gf_is_immortal(key)) || (value && !gf_is_immortal(value)))
            return false;
    }
    return true;
}

/* New entries of lists and dicts come at the end. Goes back from there, in doubling steps, to a
 * place before them. PyDict_Next's cursor is an index into the entries in their order; deleted ones
 * leave holes, so counting from the number of live ones starts too early and never too late. */
static long tail_start(gf_object *container, enum gf_shape shape) {
    const struct gf_api *api = &gf_python.api;
    long size = shape == GF_SHAPE_LIST ? api->PyList_Size(container) : api->PyDict_Size(container);
    long back = 64;
    while (back < size && !immortal_at(container, shape, size - back))
        back *= 2;
    return back < size ? size - back : 0;
}

/* A module's own lists and dicts may have got new entries since they were made immortal. */
static int visit_module_dict(struct walk *walk, gf_object *dict) {
    gf_object *key = NULL, *value = NULL;
    long cursor = 0;
    const struct gf_api *api = &gf_python.api;
    if (visit_dict(walk, dict) || run(walk))
        return 1;
    while (api->PyDict_Next(dict, &cursor, &key, &value)) {
        const void *type = value->type;
        if (!gf_is_immortal(value) || (type != api->PyDict_Type && type != api->PyList_Type))
            continue;
        enum gf_shape shape = type == api->PyDict_Type ? GF_SHAPE_DICT : GF_SHAPE_LIST;
        if (!push(walk, value))
            return 1;
        ((struct frame *)walk->stack.data)[walk->depth - 1].position = tail_start(value, shape);
        if (run(walk))
            return 1;
    }
    return 0;
}

static int walk_modules(struct walk *walk) {
    const struct gf_api *api = &gf_python.api;
    gf_object *modules = api->PyImport_GetModuleDict();
    gf_object *name = NULL, *module = NULL;
    long cursor = 0;
    if (!modules || visit(modules, walk))
        return 1;
    walk->depth = 0; /* the modules are taken one by one below */
    while (api->PyDict_Next(modules, &cursor, &name, &module)) {
        if (visit(name, walk) || visit(module, walk) || run(walk))
            return 1;
        if (!api->PyType_IsSubtype(module->type, api->PyModule_Type))
            continue;
        gf_object *dict = api->PyModule_GetDict(module); /* borrowed */
        if (dict && (visit(dict, walk) || run(walk) || visit_module_dict(walk, dict)))
            return 1;
    }
    return 0;
}

struct gf_walk_result gf_walk_modules(void (*mark)(gf_object *)) {
    struct walk walk = {.mark = mark};
    struct gf_walk_result result = {0};
    if (gf_kinds_init(&walk.kinds))
        result.complete = walk_modules(&walk) == 0;
    result.marked = walk.marked;
    gf_kinds_release(&walk.kinds);
    gf_memory_release(&walk.stack);
    gf_memory_release(&walk.seen);
    return result;
}
