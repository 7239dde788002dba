#include "cpython/kinds.h"

#include <string.h>

#include "cpython/call.h"
#include "cpython/interpreter.h"

enum { ATOM = GF_FATE_ATOM, CONTAINER = GF_FATE_CONTAINER, BEHIND = GF_FATE_BEHIND };
enum { LEAVE = GF_FATE_LEAVE, WATCHED = GF_FATE_WATCHED, END = GF_FATE_END, EACH = GF_FATE_EACH };

struct row {
    enum gf_fate fate;
    char name[40]; /* no pointer: it would be written to in every process */
};

static const struct row fates[] = {
#define FATE(fate, name, reason) {(enum gf_fate)(fate), name},
#define FATE_OF_MODULE(fate, module, reason)
#include "cpython/fates.def"
#undef FATE_OF_MODULE
#undef FATE
};

static const struct row fates_of_modules[] = {
#define FATE(fate, name, reason)
#define FATE_OF_MODULE(fate, module, reason) {(enum gf_fate)(fate), module},
#include "cpython/fates.def"
#undef FATE_OF_MODULE
#undef FATE
};

static void *slot(const struct gf_type *type, int number) {
    return gf_python.api.PyType_GetSlot((gf_object *)(uintptr_t)type, number);
}

/* A bare name: CPython's own if the type is static and immortal; anybody may call a heap type
 * "list". */
static bool is_builtin(const struct gf_type *type) {
    return !strchr(type->name, '.') && !(type->flags & GF_TYPE_HEAP) &&
           gf_is_immortal(&type->object);
}

static bool names(const char *row, const struct gf_type *type) {
    size_t length = strlen(row);
    if (!strchr(row, '.') && !is_builtin(type))
        return false;
    if (row[length - 1] == '.')
        return strncmp(type->name, row, length) == 0;
    if (row[length - 1] == '+')
        return gf_type_derives(type, row, length - 1);
    return strcmp(type->name, row) == 0;
}

static enum gf_fate fate_of_c_type(const struct gf_type *type) {
    if (type->flags & GF_TYPE_EXCEPTION)
        return GF_FATE_LEAVE; /* holds tracebacks, and these hold frames */
    for (size_t i = 0; i < sizeof fates / sizeof *fates; i++) {
        if (names(fates[i].name, type))
            return fates[i].fate;
    }
    return is_builtin(type) ? GF_FATE_BEHIND : GF_FATE_WATCHED;
}

/* Did Python code define it? msgspec gives its classes a deallocator of its own, which does the
 * same: it calls the finalizer, clears weak references and fields (src/msgspec/_core.c, 0.23). */
static bool is_class(const struct gf_kinds *kinds, const struct gf_type *type) {
    return slot(type, GF_SLOT_DEALLOC) == kinds->class_dealloc ||
           gf_type_is(gf_type_of(&type->object), "msgspec._core.StructMeta");
}

/* The first base that Python code did not define: its deallocator is the one that counts. */
static const struct gf_type *c_base(const struct gf_kinds *kinds, const struct gf_type *type) {
    while (type && is_class(kinds, type))
        type = gf_type_base(type);
    return type;
}

static bool is_within(const char *module, const char *row) {
    size_t length = strlen(row);
    return strncmp(module, row, length) == 0 && (module[length] == '.' || !module[length]);
}

/* What a row says of the module that defines a class, or one of its bases; 0: none does. */
static enum gf_fate fate_of_module(const struct gf_type *type) {
    const struct gf_api *api = &gf_python.api;
    gf_object *names = api->PyType_GetDict((gf_object *)(uintptr_t)type);
    gf_object *name = names ? api->PyDict_GetItemString(names, "__module__") : NULL;
    const char *module =
        name && name->type == api->PyUnicode_Type ? api->PyUnicode_AsUTF8(name) : "";
    gf_object *bases = slot(type, GF_SLOT_BASES);
    long count = bases ? api->PyTuple_Size(bases) : 0;
    enum gf_fate fate = (enum gf_fate)0;
    for (size_t i = 0; i < sizeof fates_of_modules / sizeof *fates_of_modules; i++) {
        if (module && is_within(module, fates_of_modules[i].name))
            fate = fates_of_modules[i].fate;
    }
    for (long i = 0; i < count && !fate; i++)
        fate = fate_of_module((const struct gf_type *)api->PyTuple_GetItem(bases, i));
    gf_release(&names, 1);
    api->PyErr_Clear();
    return fate;
}

/* Instances of a class that Python code defines: plain data if the class is over plain data and
 * nobody can notice their end. */
static enum gf_fate fate_of_class(const struct gf_kinds *kinds, const struct gf_type *type) {
    const struct gf_type *base = c_base(kinds, type);
    if (!base)
        return GF_FATE_WATCHED;
    enum gf_fate fate = fate_of_c_type(base);
    if (fate == GF_FATE_LEAVE || fate == GF_FATE_END)
        return fate;
    enum gf_fate of_module = fate_of_module(type);
    if (of_module)
        return of_module;
    if (slot(type, GF_SLOT_FINALIZE) || slot(type, GF_SLOT_DEL)) /* __del__ */
        return GF_FATE_WATCHED;
    if (fate == GF_FATE_BEHIND || fate == GF_FATE_WATCHED || fate == GF_FATE_EACH)
        return fate;
    return GF_FATE_CONTAINER; /* an int has no parts, but an instance of its subclass has a __dict__
                               */
}

static enum gf_shape shape_of(const struct gf_type *type) {
    const struct gf_api *api = &gf_python.api;
    const void *exact = type;
    if (type->flags & GF_TYPE_CLASS)
        return GF_SHAPE_CLASS;
    if (exact == api->PyDict_Type)
        return GF_SHAPE_DICT;
    if (type->flags & GF_TYPE_DICT)
        return GF_SHAPE_DICT_SUBTYPE;
    if (exact == api->PyList_Type)
        return GF_SHAPE_LIST;
    if (exact == api->PyTuple_Type)
        return GF_SHAPE_TUPLE;
    if ((exact == api->PySet_Type || exact == api->PyFrozenSet_Type) && api->_PySet_NextEntry)
        return GF_SHAPE_SET;
    if (is_builtin(type) && strcmp(type->name, "code") == 0)
        return GF_SHAPE_CODE;
    return GF_SHAPE_TRAVERSE;
}

/* Bytes for each item: the largest of what 3.12 and 3.13 need for tables of different fill, and the
 * smallest, averaged (sys.getsizeof). A text has one byte a character if all are of Latin-1. */
static void measure(const struct gf_kinds *kinds, const struct gf_type *type,
                    struct gf_kind *kind) {
    static const struct {
        uint64_t flag;
        uint8_t item_size, shift;
        int8_t more; /* than basic_size */
    } by_flag[] = {
        {GF_TYPE_LONG, 4, 3, 0},      {GF_TYPE_LIST, 8, 0, 0},   {GF_TYPE_TUPLE, 8, 0, 0},
        {GF_TYPE_UNICODE, 1, 0, -23}, /* most are ASCII and have the shortest header */
        {GF_TYPE_BYTES, 1, 0, 0},     {GF_TYPE_DICT, 40, 0, 96},
    };
    static const struct {
        char name[12];
        uint8_t item_size;
    } by_name[] = {{"set", 48}, {"frozenset", 48}, {"bytearray", 1}, {"code", 2}};
    enum { COLLECTORS_HEAD = 16, OWN_DICT = 64 }; /* the latter with room for six attributes */
    const struct gf_type *base = c_base(kinds, type);
    kind->size = (int32_t)type->basic_size;
    if (type->flags & GF_TYPE_GC)
        kind->size += COLLECTORS_HEAD;
    if (type->flags & GF_TYPE_OWN_DICT)
        kind->size += OWN_DICT;
    for (size_t i = 0; i < sizeof by_flag / sizeof *by_flag; i++) {
        if (type->flags & by_flag[i].flag) {
            kind->item_size = by_flag[i].item_size;
            kind->items_shift = by_flag[i].shift;
            kind->size += by_flag[i].more;
        }
    }
    for (size_t i = 0; i < sizeof by_name / sizeof *by_name; i++) {
        if (base && is_builtin(base) && strcmp(base->name, by_name[i].name) == 0)
            kind->item_size = by_name[i].item_size;
    }
}

static enum gf_fate without_parts(enum gf_fate fate) {
    switch (fate) {
    case GF_FATE_CONTAINER:
        return GF_FATE_ATOM;
    case GF_FATE_BEHIND:
        return GF_FATE_LEAVE;
    case GF_FATE_WATCHED:
        return GF_FATE_END;
    default:
        return fate;
    }
}

static struct gf_kind judge(const struct gf_kinds *kinds, const struct gf_type *type) {
    struct gf_kind kind = {.type = type, .shape = (uint8_t)shape_of(type)};
    enum gf_fate fate = is_class(kinds, type) ? fate_of_class(kinds, type) : fate_of_c_type(type);
    enum gf_family family = gf_outside_family(type, c_base(kinds, type));
    kind.family = (uint8_t)family;
    if (family != GF_FAMILY_NONE && family != GF_FAMILY_NUMBERS)
        fate = GF_FATE_EACH;
    else if (fate == GF_FATE_EACH)
        fate = GF_FATE_WATCHED; /* derived from one of these */
    if (family == GF_FAMILY_ARRAY || family == GF_FAMILY_TENSOR)
        kind.shape = family == GF_FAMILY_ARRAY ? GF_SHAPE_ARRAY : GF_SHAPE_TENSOR;
    /* Classes themselves, whatever their metaclass is. Their bases always refer to them weakly. */
    if (kind.shape == GF_SHAPE_CLASS)
        fate = slot(type, GF_SLOT_FINALIZE) ? GF_FATE_BEHIND : GF_FATE_CONTAINER;
    else if ((fate == GF_FATE_ATOM || fate == GF_FATE_CONTAINER || fate == GF_FATE_EACH) &&
             family != GF_FAMILY_STORAGE)
        kind.weakref_offset = (int32_t)type->weakref_offset;
    if (type->flags & GF_TYPE_GC)
        kind.traverse = type->traverse;
    if (!kind.traverse && kind.shape == GF_SHAPE_TRAVERSE)
        fate = without_parts(fate);
    /* numpy.str_ as well */
    kind.keeps_hash =
        !(type->flags & GF_TYPE_HEAP) && type->flags & (GF_TYPE_UNICODE | GF_TYPE_BYTES);
    kind.fate = (uint8_t)fate;
    measure(kinds, type, &kind);
    return kind;
}

/* Any class that Python code defines will do; importlib's always exist. */
static void *find_class_dealloc(void) {
    const struct gf_api *api = &gf_python.api;
    gf_object *modules = api->PyImport_GetModuleDict();
    gf_object *importlib = modules ? api->PyDict_GetItemString(modules, "_frozen_importlib") : NULL;
    gf_object *class = importlib ? gf_attribute(importlib, "ModuleSpec") : NULL;
    if (!class)
        return NULL;
    void *dealloc = slot((const struct gf_type *)class, GF_SLOT_DEALLOC);
    api->Py_DecRef(class);
    return dealloc;
}

bool gf_kinds_init(struct gf_kinds *kinds) {
    *kinds = (struct gf_kinds){.table.record = sizeof(struct gf_kind)};
    kinds->class_dealloc = find_class_dealloc();
    return kinds->class_dealloc != NULL;
}

void gf_kinds_release(struct gf_kinds *kinds) {
    gf_table_release(&kinds->table);
}

const struct gf_kind *gf_kinds_get(struct gf_kinds *kinds, const struct gf_type *type) {
    bool new = false;
    struct gf_kind *kind = gf_table_add(&kinds->table, type, &new);
    if (kind && new)
        *kind = judge(kinds, type);
    return kind;
}
