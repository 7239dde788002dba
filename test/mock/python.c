/* The API: objects, exceptions, imports. The GIL is in thread.c. */
#include "python.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exports.h"
#include "recorder.h"

struct mock mock;
static void (*frame)(void); /* what the evaluator runs */

/* ---- interpreter ---- */

const char *Py_GetVersion(void) {
    mock_called(CALL_Py_GetVersion);
    return getenv("MOCK_VERSION");
}

int Py_IsInitialized(void) {
    return mock_called(CALL_Py_IsInitialized) && mock.initialized;
}

int Py_AtExit(void (*function)(void)) {
    if (!mock_called(CALL_Py_AtExit) || mock.at_exit_count == 32)
        return -1;
    mock.at_exit[mock.at_exit_count++] = function;
    return 0;
}

void _PyEval_EvalFrameDefault(void) {
    mock.frames++;
    frame();
    mock.frames--;
}

gf_object *PyEval_GetGlobals(void) {
    return mock_called(CALL_PyEval_GetGlobals) && mock.frames > 0 ? mock.main : NULL;
}

/* ---- references and exceptions ---- */

void Py_IncRef(gf_object *object) {
    mock_called(CALL_Py_IncRef);
    mock_keep(object);
}

void Py_DecRef(gf_object *object) {
    mock_called(CALL_Py_DecRef);
    mock_drop(object);
}

void _Py_DecRefShared(gf_object *object) {
    mock_called(CALL__Py_DecRefShared);
    mock_drop(object);
}

static void set_error(gf_object *error) {
    if (mock.error)
        mock_drop(mock.error);
    mock.error = error;
}

gf_object *mock_raise(void) {
    set_error(mock_text("MemoryError"));
    return NULL;
}

void PyErr_Fetch(gf_object **type, gf_object **value, gf_object **traceback) {
    mock_called(CALL_PyErr_Fetch);
    *type = mock.error;
    *value = *traceback = NULL;
    mock.error = NULL;
}

void PyErr_Restore(gf_object *type, gf_object *value, gf_object *traceback) {
    mock_called(CALL_PyErr_Restore);
    set_error(type);
    if (value || traceback)
        mock_die("an exception changed on its way");
}

void PyErr_Clear(void) {
    mock_called(CALL_PyErr_Clear);
    set_error(NULL);
}

gf_object *PyErr_Occurred(void) {
    mock_called(CALL_PyErr_Occurred);
    return mock.error;
}

/* ---- modules ---- */

gf_object *PyImport_ImportModule(const char *name) {
    if (!mock_called(CALL_PyImport_ImportModule))
        return NULL;
    if (!mock_find(mock.modules, name)) {
        if (strcmp(name, "gc") != 0)
            return mock_raise();
        recorder_note("import gc");
        mock_add(mock.modules, "gc", mock_make_gc());
    }
    gf_object *module = mock_find(mock.modules, name);
    mock_keep(module);
    return module;
}

gf_object *PyImport_GetModuleDict(void) {
    return mock_called(CALL_PyImport_GetModuleDict) ? mock.modules : NULL;
}

gf_object *PySys_GetObject(const char *name) {
    return mock_called(CALL_PySys_GetObject) ? mock_find(mock.sys, name) : NULL;
}

/* ---- objects ---- */

gf_object *PyDict_GetItemString(gf_object *dict, const char *key) {
    return mock_called(CALL_PyDict_GetItemString) ? mock_find(dict, key) : NULL;
}

/* Without a signature, as functions are whose text begins with none. */
static gf_object *attribute_of_function(const char *name) {
    if (strcmp(name, "__text_signature__") != 0)
        return mock_text(name);
    mock_keep(mock.none);
    return mock.none;
}

gf_object *PyUnicode_InternFromString(const char *text) {
    return mock_called(CALL_PyUnicode_InternFromString) ? mock_text(text) : NULL;
}

gf_object *PyObject_GetAttr(gf_object *object, gf_object *text) {
    if (!mock_called(CALL_PyObject_GetAttr))
        return NULL;
    mock_expect(text, MOCK_TEXT);
    const char *name = text->text;
    if (object->kind == MOCK_FUNCTION)
        return attribute_of_function(name);
    gf_object *value = mock_find(object, name);
    if (!value)
        return mock_raise();
    mock_keep(value);
    return value;
}

int PyObject_SetAttrString(gf_object *object, const char *name, gf_object *value) {
    if (!mock_called(CALL_PyObject_SetAttrString))
        return -1;
    mock_keep(value);
    mock_replace(object, name, value);
    return 0;
}

gf_object *PyObject_Type(gf_object *object) {
    if (!mock_called(CALL_PyObject_Type))
        return NULL;
    mock_expect(object, MOCK_DICT);
    return mock_new(MOCK_TYPE);
}

/* A function, or a type that makes a namespace of its keywords. */
static gf_object *invoke(gf_object *callable, gf_object *arguments, gf_object *keywords) {
    if (callable->kind == MOCK_FUNCTION) {
        mock_expect(callable, MOCK_FUNCTION);
        return callable->method->function(keywords, arguments);
    }
    mock_expect(callable, MOCK_TYPE);
    mock_expect(keywords, MOCK_DICT);
    gf_object *namespace = mock_new(MOCK_DICT);
    for (size_t i = 0; i < keywords->count; i++) {
        mock_keep(keywords->items[i]);
        mock_add(namespace, keywords->keys[i], keywords->items[i]);
    }
    return namespace;
}

gf_object *PyObject_Call(gf_object *callable, gf_object *arguments, gf_object *keywords) {
    mock_expect(arguments, MOCK_TUPLE);
    return mock_called(CALL_PyObject_Call) ? invoke(callable, arguments, keywords) : NULL;
}

gf_object *PyObject_CallObject(gf_object *callable, gf_object *arguments) {
    if (arguments)
        mock_expect(arguments, MOCK_TUPLE);
    return mock_called(CALL_PyObject_CallObject) ? invoke(callable, arguments, NULL) : NULL;
}

int PyObject_IsTrue(gf_object *object) {
    if (!mock_called(CALL_PyObject_IsTrue))
        return -1;
    mock_expect(object, MOCK_NUMBER);
    return object->number != 0;
}

gf_object *PySequence_GetItem(gf_object *sequence, long index) {
    if (!mock_called(CALL_PySequence_GetItem))
        return NULL;
    mock_expect(sequence, MOCK_TUPLE);
    if (index < 0 || (size_t)index >= sequence->count)
        return mock_raise();
    mock_keep(sequence->items[index]);
    return sequence->items[index];
}

long PySequence_Size(gf_object *sequence) {
    if (!mock_called(CALL_PySequence_Size))
        return -1;
    mock_expect(sequence, MOCK_TUPLE);
    return (long)sequence->count;
}

long PyLong_AsLong(gf_object *number) {
    if (!mock_called(CALL_PyLong_AsLong))
        return -1;
    mock_expect(number, MOCK_NUMBER);
    return number->number;
}

/* Of "i|ii" alone. */
int PyArg_ParseTuple(gf_object *arguments, const char *format, ...) {
    (void)format;
    if (!mock_called(CALL_PyArg_ParseTuple))
        return 0;
    mock_expect(arguments, MOCK_TUPLE);
    va_list outputs;
    va_start(outputs, format);
    for (size_t i = 0; i < arguments->count; i++)
        *va_arg(outputs, int *) = (int)arguments->items[i]->number;
    va_end(outputs);
    return 1;
}

const char *PyUnicode_AsUTF8(gf_object *text) {
    if (!mock_called(CALL_PyUnicode_AsUTF8))
        return NULL;
    if (text->kind == MOCK_NONE) {
        mock_raise();
        return NULL;
    }
    mock_expect(text, MOCK_TEXT);
    return text->text;
}

gf_object *PyCFunction_NewEx(const struct gf_method *method, gf_object *self, gf_object *module) {
    (void)self;
    (void)module;
    return mock_called(CALL_PyCFunction_NewEx) ? mock_function(method) : NULL;
}

void *PyCFunction_GetFunction(gf_object *function) {
    if (!mock_called(CALL_PyCFunction_GetFunction))
        return NULL;
    mock_expect(function, MOCK_FUNCTION);
    void *address;
    memcpy(&address, &function->method->function, sizeof address);
    return address;
}

/* ---- Py_BuildValue: "", "(...)" and "{s:...}" of l, s, O and N, which is all the library
 * uses ---- */

static gf_object *build_item(char code, va_list *arguments) {
    gf_object *object;
    switch (code) {
    case 'l':
        return mock_number(va_arg(*arguments, long));
    case 's':
        return mock_text(va_arg(*arguments, const char *));
    case 'O':
    case 'N':
        object = va_arg(*arguments, gf_object *);
        if (code == 'O')
            mock_keep(object);
        return object;
    default:
        mock_die("a format that the mock does not know");
    }
}

static gf_object *build(const char *format, va_list *arguments) {
    if (format[0] == '\0') {
        mock_keep(mock.none);
        return mock.none;
    }
    gf_object *container = mock_new(format[0] == '{' ? MOCK_DICT : MOCK_TUPLE);
    for (const char *code = format + 1; !strchr(")}", *code); code++) {
        const char *key = NULL;
        if (container->kind == MOCK_DICT) {
            key = va_arg(*arguments, const char *);
            code += 2; /* "s:" */
        }
        mock_add(container, key, build_item(*code, arguments));
    }
    return container;
}

gf_object *Py_BuildValue(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    bool fine = mock_called(CALL_Py_BuildValue);
    gf_object *value = build(format, &arguments); /* a failure consumes its N arguments as well */
    va_end(arguments);
    if (fine)
        return value;
    mock_drop(value);
    return NULL;
}

/* ---- what a host does ---- */

/* A thread without the GIL forks, too, and is shown the state as it is. */
__attribute__((no_sanitize("thread"))) void mock_describe(char *buffer, size_t size) {
    snprintf(buffer, size, "threshold=%ld enabled=%d frozen=%ld", mock.threshold, mock.enabled,
             mock.frozen);
}

/* As CPython does: everything is there and the GIL is held when SIGPIPE is set, but
 * Py_IsInitialized() is still 0 (Python/pylifecycle.c, init_interp_main). */
static void initialize(bool install_signals) {
    mock.minor = atoi(getenv("MOCK_VERSION") + 2);
    mock.interpreters = 1;
    mock_make_modules();
    mock_thread_create();
    if (install_signals) {
        struct sigaction ignore = {.sa_handler = SIG_IGN};
        sigaction(SIGPIPE, &ignore, NULL);
    }
    mock.initialized = true;
}

static void finalize_begin(void) {
    mock.initialized = false;
}

static void finalize_end(void) {
    mock_thread_detach();
    mock_forget_objects();
    void (*at_exit[32])(void);
    size_t count = mock.at_exit_count;
    memcpy(at_exit, mock.at_exit, sizeof at_exit);
    mock = (struct mock){0};
    while (count-- > 0)
        at_exit[count]();
}

static void evaluate(void (*code)(void)) {
    frame = code;
    _PyEval_EvalFrameDefault();
}

static void call(void (*code)(void)) {
    code();
}

static void set_threshold(long value) {
    gf_object *function = mock_find(mock_find(mock.modules, "gc"), "set_threshold");
    gf_object *arguments = mock_new(MOCK_TUPLE);
    mock_add(arguments, NULL, mock_number(value));
    mock_drop(function->method->function(NULL, arguments));
    mock_drop(arguments);
}

static void run_builtin(const char *module, const char *function) {
    gf_object *object = mock_find(mock_find(mock.modules, module), function);
    gf_object *result = object->method->function(NULL, NULL);
    if (result)
        mock_drop(result);
}

void mock_run_hooks(void) {
    for (size_t i = mock.before_count; i-- > 0;) {
        gf_object *result = mock.before[i]->method->function(NULL, NULL);
        if (result) {
            mock_drop(result);
        } else {
            recorder_note("unraisable exception");
            set_error(NULL);
        }
    }
}

__attribute__((visibility("default"))) extern const struct mock_commands mock_commands;
const struct mock_commands mock_commands = {
    .state = &mock,
    .initialize = initialize,
    .finalize_begin = finalize_begin,
    .finalize_end = finalize_end,
    .evaluate = evaluate,
    .call = call,
    .run_builtin = run_builtin,
    .set_threshold = set_threshold,
    .describe = mock_describe,
    .raise = mock_raise,
    .references = mock_references,
    .thread_create = mock_thread_create,
    .thread_attach = mock_thread_attach,
    .thread_detach = mock_thread_detach,
    .thread_await_rival = mock_thread_await_rival,
    .arenas_make = mock_arenas_make,
    .arenas_right = mock_arenas_right,
    .arenas_work = mock_arenas_work,
};
