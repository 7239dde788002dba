#include "cpython/walk.h"

#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"
#include "base/table.h"
#include "cpython/call.h"
#include "cpython/generation.h"
#include "cpython/interpreter.h"
#include "cpython/kinds.h"

/* An object whose parts are to be looked at. Lists, tuples, sets and dicts are taken up again where
 * they were left, so the stack is as deep as the graph and not as wide. */
struct frame {
    gf_object *object;
    int64_t count_word; /* before it was marked */
    long position;      /* index, or the cursor of PyDict_Next and _PySet_NextEntry */
};

/* A position that no cursor has: all parts have been found, those that were pushed come first. And
 * a count that no mortal object has. */
enum { PARTS_FOUND = -1, SPARED = -1 };

struct walk {
    struct gf_kinds kinds;
    struct gf_memory stack; /* of struct frame */
    size_t depth;
    long current;           /* index of the frame whose parts are being found; -1: none */
    struct gf_table seen;   /* mortal or static objects that have been looked behind */
    const gf_object *names; /* of the module that is being looked into */
    void (*mark)(gf_object *);
    long marked;
    const struct gf_kind *last; /* most neighbours are of one type */
    size_t last_count;
};

static struct frame *frames(const struct walk *walk) {
    return walk->stack.data;
}

static bool push(struct walk *walk, gf_object *object, int64_t count_word) {
    if ((walk->depth + 1) * sizeof(struct frame) > walk->stack.size &&
        !gf_memory_grow(&walk->stack, (walk->depth + 1) * sizeof(struct frame)))
        return false;
    frames(walk)[walk->depth++] = (struct frame){object, count_word, 0};
    return true;
}

/* Pushes an object that does not carry a mark, unless it was pushed before. */
static bool push_once(struct walk *walk, gf_object *object) {
    bool new = false;
    if (!gf_table_add(&walk->seen, object, &new))
        return false;
    return !new || push(walk, object, object->count_word);
}

static const struct gf_kind *kind_of(struct walk *walk, const gf_object *object) {
    const struct gf_type *type = gf_type_of(object);
    if (walk->last && walk->last->type == type && walk->last_count == walk->kinds.table.count)
        return walk->last;
    walk->last = gf_kinds_get(&walk->kinds, type);
    walk->last_count = walk->kinds.table.count; /* a grown table has moved */
    return walk->last;
}

/* They are immortal from the start; what their methods are made of is not. */
static bool is_static_class(const gf_object *object) {
    return (gf_type_of(object)->flags & GF_TYPE_CLASS) &&
           !(((const struct gf_type *)object)->flags & GF_TYPE_HEAP);
}

/* Modules end with the process, and classes are parts of cycles that only the collector ends. */
static bool ends_by_count(const struct walk *walk, gf_object *object) {
    const struct gf_type *type = gf_type_of(object);
    return object != walk->names && !(type->flags & GF_TYPE_CLASS) &&
           !gf_python.api.PyType_IsSubtype((gf_object *)(uintptr_t)type,
                                           gf_python.api.PyModule_Type);
}

/* The frame that pushed this one: parts that wait for their turn lie between. */
static long parent_of(const struct walk *walk, long index) {
    while (--index >= 0 && frames(walk)[index].position == 0)
        continue;
    return index;
}

/* The object whose parts are being found holds something whose end can be noticed. It stays mortal,
 * and so does what alone holds it, and so on: when they are dropped, that end must come. */
static int spare_holders(struct walk *walk) {
    for (long i = walk->current; i >= 0; i = parent_of(walk, i)) {
        const struct frame frame = frames(walk)[i];
        const gf_object before = {.count_word = frame.count_word};
        bool new = false;
        if (gf_is_immortal(&before) || !ends_by_count(walk, frame.object))
            break;
        if (gf_is_immortal(frame.object)) {
            if (!gf_table_add(&walk->seen, frame.object, &new))
                return 1;
            frame.object->count_word = frame.count_word;
            walk->marked--;
        }
        frames(walk)[i].count_word = SPARED; /* a next end ends here: what is above is done */
        if (before.count_low != 1)
            break;
    }
    return 0;
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
        fate = GF_FATE_WATCHED; /* somebody wants to know when it dies */
    switch (fate) {
    case GF_FATE_LEAVE:
        return 0;
    case GF_FATE_END:
        return spare_holders(walk);
    case GF_FATE_WATCHED:
        return spare_holders(walk) || !push_once(walk, object);
    case GF_FATE_BEHIND:
        return !push_once(walk, object);
    case GF_FATE_ATOM:
    case GF_FATE_CONTAINER:
        break;
    }
    /* one that was spared has been looked behind; if one object alone holds it, nobody comes again
     */
    if (fate == GF_FATE_CONTAINER && object->count_low > 1 && gf_table_find(&walk->seen, object))
        return 0;
    if (kind->keeps_hash)
        gf_python.api.PyObject_Hash(object); /* or the first worker to ask copies the page */
    int64_t count_word = object->count_word;
    walk->mark(object);
    walk->marked++;
    return fate == GF_FATE_CONTAINER && !push(walk, object, count_word);
}

/* A new reference to what another object holds. It is given back at first: the count before the
 * mark may be needed again. What is held by nobody else was made for us. */
static int visit_new(struct walk *walk, gf_object *reference) {
    if (!reference) {
        gf_python.api.PyErr_Clear();
        return 0;
    }
    bool held = gf_is_immortal(reference) || reference->count_low > 1;
    gf_python.api.Py_DecRef(reference);
    return held ? visit(reference, walk) : 0;
}

/* Attributes of an object that are computed by C code alone. */
static int visit_attributes(struct walk *walk, gf_object *object, const char *const *attributes) {
    int result = 0;
    for (; *attributes && result == 0; attributes++)
        result = visit_new(walk, gf_attribute(object, *attributes));
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

/* Parts that are found all at once. */
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

/* Up to 3.13 a dict is tracked when something is put in that may be part of a cycle
 * (Objects/dictobject.c, MAINTAIN_TRACKING); it may be traversed before, too. */
static bool belongs_to_collector(gf_object *object) {
    const void *type = object->type;
    return type == gf_python.api.PyDict_Type || gf_python.api.PyObject_GC_IsTracked(object);
}

/* Takes an object off the stack with whose parts we are done. One that became immortal in this walk
 * stays so from here on, and leaves the collector's lists; writing to one that was immortal before
 * would copy what children share. */
static void take_off(struct walk *walk) {
    const struct frame frame = frames(walk)[--walk->depth];
    const gf_object before = {.count_word = frame.count_word};
    if (!gf_is_immortal(&before) && gf_is_immortal(frame.object) &&
        belongs_to_collector(frame.object))
        gf_generation_take(frame.object);
}

/* Takes the object off the stack, unless some of its parts are on top of it. */
static int find_parts(struct walk *walk, const struct gf_kind *kind) {
    size_t depth = walk->depth;
    struct frame *frame = frames(walk) + depth - 1;
    frame->position = PARTS_FOUND;
    int result = visit_parts(walk, kind, frame->object);
    if (walk->depth == depth)
        take_off(walk);
    return result;
}

static int advance(struct walk *walk) {
    struct frame *frame = frames(walk) + walk->depth - 1;
    if (frame->position == PARTS_FOUND) {
        take_off(walk);
        return 0;
    }
    const struct gf_kind *kind = kind_of(walk, frame->object);
    if (!kind)
        return 1;
    enum gf_shape shape = kind->shape;
    walk->current = (long)walk->depth - 1;
    if (shape < GF_SHAPE_LIST)
        return find_parts(walk, kind);
    size_t depth = walk->depth;
    gf_object *key = NULL, *value = NULL;
    while (next_parts(frame, shape, &key, &value)) {
        if ((key && visit(key, walk)) || (value && visit(value, walk)))
            return 1;
        if (walk->depth != depth)
            return 0; /* first what was found; the rest is taken up again later */
    }
    if (shape == GF_SHAPE_DICT_SUBTYPE) {
        kind = kind_of(walk, frame->object); /* the table may have moved */
        return !kind || find_parts(walk, kind);
    }
    take_off(walk);
    return 0;
}

static int run(struct walk *walk) {
    while (walk->depth > 0) {
        if (advance(walk))
            return 1;
    }
    walk->current = -1;
    return 0;
}

/* Some entries and not one: new ones may hold None or a small int here and there. */
static bool immortal_at(gf_object *container, enum gf_shape shape, long position) {
    struct frame frame = {container, 0, position};
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
        if (!gf_is_immortal(value) || (type != api->PyDict_Type && type != api->PyList_Type) ||
            value == api->PyImport_GetModuleDict()) /* sys has it: see walk_modules */
            continue;
        enum gf_shape shape = type == api->PyDict_Type ? GF_SHAPE_DICT : GF_SHAPE_LIST;
        if (!push(walk, value, value->count_word))
            return 1;
        frames(walk)[walk->depth - 1].position = tail_start(value, shape);
        if (run(walk))
            return 1;
    }
    return 0;
}

static int walk_module(struct walk *walk, gf_object *module, gf_object *names) {
    walk->names = names;
    if (!names)
        return visit(module, walk) || run(walk);
    if (visit(module, walk) || visit(names, walk) || run(walk))
        return 1;
    return visit_module_dict(walk, names);
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
        if (visit(name, walk) || walk_module(walk, module, gf_module_names(module)))
            return 1;
    }
    return 0;
}

struct gf_walk_result gf_walk_modules(void (*mark)(gf_object *)) {
    struct walk walk = {.seen.record = sizeof(gf_object *), .mark = mark, .current = -1};
    struct gf_walk_result result = {0};
    if (gf_kinds_init(&walk.kinds))
        result.complete = walk_modules(&walk) == 0;
    result.marked = walk.marked;
    gf_kinds_release(&walk.kinds);
    gf_memory_release(&walk.stack);
    gf_table_release(&walk.seen);
    return result;
}
