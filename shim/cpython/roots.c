#include "cpython/roots.h"

#include <stddef.h>
#include <string.h>

#include "cpython/call.h"
#include "cpython/frames.h"
#include "cpython/interpreter.h"

/* ---- modules ---- */

/* Some entries and not one: new ones may hold None or a small int here and there. */
static bool immortal_at(gf_object *container, enum gf_shape shape, long position) {
    struct gf_frame frame = {.object = container, .position = position};
    gf_object *key = NULL, *value = NULL;
    for (int i = 0; i < 8 && gf_walk_next(&frame, shape, &key, &value); i++) {
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

/* Lists and dicts may have got new entries since they were made immortal. */
static int walk_end_of(struct gf_walk *walk, gf_object *object) {
    const struct gf_api *api = &gf_python.api;
    const void *type = object->type;
    if (!gf_is_immortal(object) || (type != api->PyDict_Type && type != api->PyList_Type) ||
        object == api->PyImport_GetModuleDict()) /* sys has it: see walk_modules */
        return 0;
    enum gf_shape shape = type == api->PyDict_Type ? GF_SHAPE_DICT : GF_SHAPE_LIST;
    if (!gf_walk_push(walk, object, object->count_word))
        return 1;
    gf_walk_frames(walk)[walk->depth - 1].position = tail_start(object, shape);
    return gf_walk_through(walk);
}

static int walk_dict(struct gf_walk *walk, gf_object *dict) {
    gf_object *key = NULL, *value = NULL;
    long cursor = 0;
    while (gf_python.api.PyDict_Next(dict, &cursor, &key, &value)) {
        if (walk->visit(key, walk) || walk->visit(value, walk))
            return 1;
    }
    return gf_walk_through(walk);
}

static int walk_module(struct gf_walk *walk, gf_object *module, gf_object *names) {
    gf_object *key = NULL, *value = NULL;
    long cursor = 0;
    walk->names = names;
    if (!names)
        return walk->visit(module, walk) || gf_walk_through(walk);
    if (walk->visit(module, walk) || walk->visit(names, walk) || gf_walk_through(walk))
        return 1;
    if (walk_dict(walk, names))
        return 1;
    while (gf_python.api.PyDict_Next(names, &cursor, &key, &value)) {
        if (walk_end_of(walk, value))
            return 1;
    }
    return 0;
}

static int walk_modules(struct gf_walk *walk) {
    const struct gf_api *api = &gf_python.api;
    gf_object *modules = api->PyImport_GetModuleDict();
    gf_object *name = NULL, *module = NULL;
    long cursor = 0;
    if (!modules || walk->visit(modules, walk))
        return 1;
    walk->depth = 0; /* the modules are taken one by one below */
    while (api->PyDict_Next(modules, &cursor, &name, &module)) {
        if (walk->visit(name, walk) || walk_module(walk, module, gf_module_names(module)))
            return 1;
    }
    return 0;
}

/* ---- what the child is handed ---- */

static int walk_value(struct gf_walk *walk, gf_object *value) {
    return walk->visit(value, walk) || gf_walk_through(walk) || walk_end_of(walk, value);
}

/* What is in a tuple or dict, and not itself. */
static int walk_inside(struct gf_walk *walk, gf_object *container, enum gf_shape shape) {
    struct gf_frame frame = {.object = container};
    gf_object *key = NULL, *value = NULL;
    int result = 0;
    while (result == 0 && gf_walk_next(&frame, shape, &key, &value))
        result = (key && walk->visit(key, walk)) || walk_value(walk, value);
    return result;
}

/* A process that is being started keeps what is handed in its attributes: _args is a tuple, _kwargs
 * a dict. Its dict stays as it is: once the child runs, the Popen is put there. */
static int walk_process(struct gf_walk *walk, gf_object *process) {
    const struct gf_api *api = &gf_python.api;
    gf_object *attributes = gf_attribute(process, "__dict__");
    gf_object *name = NULL, *value = NULL;
    long cursor = 0;
    int result = 0;
    while (attributes && attributes->type == api->PyDict_Type && result == 0 &&
           api->PyDict_Next(attributes, &cursor, &name, &value)) {
        if (value->type == api->PyTuple_Type)
            result = walk_inside(walk, value, GF_SHAPE_TUPLE);
        else if (value->type == api->PyDict_Type)
            result = walk_inside(walk, value, GF_SHAPE_DICT);
        else
            result = walk_value(walk, value);
    }
    gf_release(&attributes, 1);
    return result;
}

static const struct {
    char function[40], variable[16]; /* no pointers: they would be written to in every process */
} handed[] = {
#define HANDED(function, variable, why) {function, variable},
#include "cpython/handed.def"
#undef HANDED
};

/* The forking function's own frame, or below what stands in os.fork's place (gevent's). Not one
 * below _bootstrap: that started this very process. */
static bool find_process(const struct gf_python_frame *frame, void *context) {
    gf_object **process = context;
    for (size_t i = 0; i < sizeof handed / sizeof *handed; i++) {
        if (!gf_frame_is(frame, handed[i].function))
            continue;
        *process = gf_python.api.PyFrame_GetVarString(frame->object, handed[i].variable);
        gf_python.api.PyErr_Clear();
        return false;
    }
    return strcmp(frame->function, "_bootstrap") != 0;
}

static int walk_handed(struct gf_walk *walk) {
    enum { CLOSE = 5 };
    gf_object *process = NULL;
    if (gf_python.api.PyFrame_GetVarString)
        gf_frames_each(CLOSE, find_process, &process);
    int result = process ? walk_process(walk, process) : 0;
    gf_release(&process, 1);
    return result;
}

/* ---- variables of the functions that led here ---- */

/* The walk that goes on, and 1 once it is to end. */
struct stack {
    struct gf_walk *walk;
    int result;
};

static int walk_variable(struct gf_walk *walk, gf_object *frame, gf_object *name) {
    const char *text = gf_python.api.PyUnicode_AsUTF8(name);
    gf_object *value = text ? gf_python.api.PyFrame_GetVarString(frame, text) : NULL;
    int result = value ? walk_value(walk, value) : 0;
    gf_python.api.PyErr_Clear();
    gf_release(&value, 1);
    return result;
}

static bool walk_variables_of(const struct gf_python_frame *frame, void *context) {
    static const char *const kinds[] = {"co_varnames", "co_cellvars", "co_freevars"};
    const struct gf_api *api = &gf_python.api;
    struct stack *stack = context;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        gf_object *names = frame->code ? gf_attribute(frame->code, kinds[i]) : NULL;
        long size = names ? api->PyTuple_Size(names) : 0;
        for (long n = 0; n < size && stack->result == 0; n++)
            stack->result =
                walk_variable(stack->walk, frame->object, api->PyTuple_GetItem(names, n));
        gf_release(&names, 1);
    }
    return stack->result == 0;
}

static int walk_variables(struct gf_walk *walk) {
    enum { MOST_FRAMES = 1000 };
    struct stack stack = {.walk = walk};
    if (gf_python.api.PyFrame_GetVarString)
        gf_frames_each(MOST_FRAMES, walk_variables_of, &stack);
    return stack.result;
}

bool gf_roots_walk(struct gf_walk *walk, unsigned roots, gf_object *object) {
    bool complete = gf_walk_begin(walk) && !(roots & GF_ROOTS_MODULES && walk_modules(walk));
    walk->names = NULL;
    complete = complete && !(roots & GF_ROOTS_HANDED && walk_handed(walk)) &&
               !(roots & GF_ROOTS_VARIABLES && walk_variables(walk)) &&
               !(object && walk_value(walk, object));
    gf_walk_end(walk);
    return complete;
}
