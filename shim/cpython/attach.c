#include "cpython/attach.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cpython/brake.h"
#include "cpython/call.h"
#include "cpython/collector.h"
#include "cpython/deputy.h"
#include "cpython/generation.h"
#include "cpython/immortal.h"
#include "cpython/interpreter.h"
#include "cpython/thaw.h"
#include "cpython/warmup.h"
#include "cpython/watch.h"
#include "process/objects.h"
#include "process/self.h"
#include "process/unwind.h"

static void (*before_fork)(void);
static void (*interpreter_gone)(void);
static const char *(*host_function)(size_t index);
static bool hooked;

/* Python calls it before os.fork; an exception would be printed, so there is none. */
static gf_object *before_fork_method(gf_object *self, gf_object *unused) {
    (void)self;
    (void)unused;
    const struct gf_api *api = &gf_python.api;
    gf_object *pending[3];
    api->PyErr_Fetch(&pending[0], &pending[1], &pending[2]);
    gf_unwind_open(); /* after a late attach, this is the first moment when dlopen is allowed */
    gf_attach_find_fork_exec();
    api->PyErr_Restore(pending[0], pending[1], pending[2]);
    if (before_fork)
        before_fork();
    return api->Py_BuildValue("");
}

static const struct gf_method before_fork_definition = {
    "gcfreeze_before_fork", before_fork_method, GF_METHOD_NO_ARGUMENTS,
    "Called before os.fork: moves tracked objects to the permanent generation."};

/* The interpreter has been finalized: all references are gone with it. An embedding host may start
 * another one (Python/pylifecycle.c, call_ll_exitfuncs: the last thing that Py_Finalize calls). */
static void forget(void) {
    gf_python.found = false; /* the object may be unloaded now */
    gf_python.gc = (struct gf_gc){0};
    gf_python.get_allocated_blocks = NULL;
    gf_python.landmarks = (struct gf_landmarks){0};
    gf_python.host_function = NULL;
    gf_brake_reset();
    gf_collector_reset();
    gf_thaw_reset();
    gf_warmup_reset();
    gf_deputy_reset();
    gf_generation_reset();
    gf_immortal_reset();
    gf_watch_reset();
    hooked = false;
    if (interpreter_gone)
        interpreter_gone();
}

/* `import` of a builtin module without the import system, whose bytecode must not run in the fork
 * window: what it does for a builtin module, by hand. All callees are C (Python/import.c,
 * _imp_create_builtin and _imp_exec_builtin). From 3.10 on the module stays out of sys.modules, so
 * that an application finds there what it would find without us. */
static gf_object *create_builtin(const char *name) {
    const struct gf_api *api = &gf_python.api;
    gf_object *imp = gf_loaded_module("_imp");
    gf_object *create = imp ? gf_attribute(imp, "create_builtin") : NULL;
    gf_object *exec = imp ? gf_attribute(imp, "exec_builtin") : NULL;
    /* any object with a `name` serves as the spec; this is types.SimpleNamespace */
    gf_object *implementation = api->PySys_GetObject("implementation"); /* borrowed */
    gf_object *type = implementation ? api->PyObject_Type(implementation) : NULL;
    gf_object *nothing = api->Py_BuildValue("()");
    gf_object *keywords = api->Py_BuildValue("{s:s}", "name", name);
    gf_object *spec = NULL, *create_arguments = NULL, *module = NULL, *exec_arguments = NULL;
    gf_object *executed = NULL;
    if (create && exec && type && nothing && keywords)
        spec = api->PyObject_Call(type, nothing, keywords);
    if (spec)
        create_arguments = api->Py_BuildValue("(O)", spec);
    if (create_arguments)
        module = api->PyObject_CallObject(create, create_arguments);
    if (module)
        exec_arguments = api->Py_BuildValue("(O)", module);
    if (exec_arguments)
        executed = api->PyObject_CallObject(exec, exec_arguments);
    if (!executed) {
        gf_release(&module, 1);
        module = NULL;
        api->PyErr_Clear();
    }
    gf_object *const used[] = {imp,  create,           exec,           type,    nothing, keywords,
                               spec, create_arguments, exec_arguments, executed};
    gf_release(used, sizeof used / sizeof *used);
    return module;
}

/* `visible`: the module that the application will import. */
static bool keep_gc(bool visible) {
    struct gf_gc gc = {0};
    gf_object *module = gf_loaded_module("gc");
    if (!module && visible)
        module = gf_python.api.PyImport_ImportModule("gc");
    gf_python.api.PyErr_Clear();
    if (!module)
        module = create_builtin("gc");
    if (!module)
        return false;
    const struct {
        const char *name;
        gf_object **ret;
    } functions[] = {
        {"enable", &gc.enable},
        {"disable", &gc.disable},
        {"isenabled", &gc.isenabled},
        {"get_threshold", &gc.get_threshold},
        {"set_threshold", &gc.set_threshold},
        {"freeze", &gc.freeze},
        {"collect", &gc.collect},
        {"get_count", &gc.get_count},
        {"get_stats", &gc.get_stats},
        {"unfreeze", &gc.unfreeze},
        {"get_freeze_count", &gc.get_freeze_count},
    };
    bool complete = true;
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        *functions[i].ret = gf_attribute(module, functions[i].name);
        complete = complete && *functions[i].ret;
    }
    gf_python.api.Py_DecRef(module);
    if (complete)
        gf_python.gc = gc;
    return complete;
}

/* The C function behind module.name, or 0 if it is no builtin. */
static uintptr_t c_function(gf_object *module, const char *name) {
    gf_object *function = gf_attribute(module, name);
    if (!function)
        return 0;
    uintptr_t address = (uintptr_t)gf_python.api.PyCFunction_GetFunction(function);
    gf_python.api.PyErr_Clear();
    gf_python.api.Py_DecRef(function);
    return address;
}

void gf_attach_find_fork_exec(void) {
    if (gf_python.landmarks.fork_exec)
        return;
    gf_object *module = gf_loaded_module("_posixsubprocess");
    if (!module)
        return;
    gf_python.landmarks.fork_exec = c_function(module, "fork_exec");
    gf_python.api.Py_DecRef(module);
}

/* A module may hold a whole host: its function loads the application and forks workers, as the
 * host's own program does. The thread has given the interpreter up by then, so the function is
 * looked for among exported symbols and not in sys.modules. */
bool gf_attach_find_host(void) {
    static uint64_t searched; /* changes at the last search that found nothing; 0: none */
    struct gf_elf elf = {0};
    uint64_t changes = 0;
    const char *name = NULL;
    if (!host_function || gf_python.landmarks.host ||
        (searched != 0 && gf_objects_changes() == searched))
        return false;
    for (size_t i = 0; (name = host_function(i)); i++) {
        if (gf_objects_find(&name, 1, &elf, &changes)) {
            gf_python.landmarks.host = (uintptr_t)gf_elf_symbol(&elf, name);
            gf_python.host_function = name;
            return true;
        }
    }
    searched = changes;
    return false;
}

/* A child whose fork was left alone inherited the put-off collector. Python calls it where
 * everything is allowed again. */
static gf_object *after_fork_method(gf_object *self, gf_object *unused) {
    (void)self;
    (void)unused;
    gf_brake_lift();
    return gf_python.api.Py_BuildValue("");
}

static const struct gf_method after_fork_definition = {
    "gcfreeze_after_fork", after_fork_method, GF_METHOD_NO_ARGUMENTS,
    "Called in the child of a fork: gives it the application's collector."};

/* os.register_at_fork(when=...), ahead of anybody else: before hooks run last, others first. */
static bool register_hook(const char *when, const struct gf_method *method) {
    const struct gf_api *api = &gf_python.api;
    gf_object *posix = gf_loaded_module("posix"); /* importlib needs it: always there */
    gf_object *hook = api->PyCFunction_NewEx(method, NULL, NULL);
    gf_object *function = posix ? gf_attribute(posix, "register_at_fork") : NULL;
    gf_object *arguments = api->Py_BuildValue("()");
    gf_object *keywords = hook ? api->Py_BuildValue("{s:O}", when, hook) : NULL;
    gf_object *done = NULL;
    if (function && arguments && keywords)
        done = api->PyObject_Call(function, arguments, keywords);
    if (!done)
        api->PyErr_Clear();
    gf_object *const used[] = {posix, hook, function, arguments, keywords, done};
    gf_release(used, sizeof used / sizeof *used);
    return done != NULL;
}

/* "python3.13" or "libpython3.13.so.1.0" */
static bool is_interpreter(const struct gf_code *code) {
    const char *slash = strrchr(code->path, '/');
    const char *library = slash ? slash + 1 : code->path;
    return code->of_program ? strncmp(gf_self_names()->program, "python", 6) == 0
                            : strncmp(library, "libpython", 9) == 0;
}

/* A program or a plugin (mod_wsgi with a static Python) that exports an interpreter was linked with
 * it, and its own code is among the interpreter's: there the evaluator alone tells. */
static void find_code(void) {
    struct gf_landmarks *landmarks = &gf_python.landmarks;
    struct gf_code code;
    if (!gf_objects_code(landmarks->eval, &code) || !is_interpreter(&code))
        return;
    landmarks->code = code.start;
    landmarks->code_size = code.size;
}

/* Without os.fork's procedure, no fork would be told from an extension's: false. */
static bool keep_landmarks(void) {
    gf_python.landmarks.eval = (uintptr_t)gf_python.api._PyEval_EvalFrameDefault;
    find_code();
    gf_object *posix = gf_loaded_module("posix");
    if (posix) {
        gf_python.landmarks.os_fork = c_function(posix, "fork");
        gf_python.landmarks.os_forkpty = c_function(posix, "forkpty");
        if (!hooked)
            hooked = register_hook("before", &before_fork_definition);
        gf_python.api.Py_DecRef(posix);
    }
    gf_attach_find_fork_exec();
    return gf_python.landmarks.os_fork != 0;
}

static void keep_allocated_blocks(void) {
    gf_object *allocated = gf_python.api.PySys_GetObject("getallocatedblocks"); /* borrowed */
    if (allocated)
        gf_python.api.Py_IncRef(allocated);
    gf_python.get_allocated_blocks = allocated;
}

/* The posix module copied the environment when it was made, and os.environ will be a copy of that
 * copy: both must agree with what C code finds. */
static void strip_preload(const char *library) {
    const struct gf_api *api = &gf_python.api;
    if (!gf_self_strip_preload(library))
        return;
    const char *others = getenv("LD_PRELOAD");
    gf_object *posix = gf_loaded_module("posix");
    gf_object *copy = posix ? gf_attribute(posix, "environ") : NULL;
    gf_object *method = copy ? gf_attribute(copy, others ? "__setitem__" : "pop") : NULL;
    gf_object *arguments = NULL;
    if (method)
        arguments = others ? api->Py_BuildValue("(yy)", "LD_PRELOAD", others)
                           : api->Py_BuildValue("(y)", "LD_PRELOAD");
    gf_object *done = arguments ? api->PyObject_CallObject(method, arguments) : NULL;
    api->PyErr_Clear();
    gf_object *const used[] = {posix, copy, method, arguments, done};
    gf_release(used, sizeof used / sizeof *used);
}

/* Up to 3.9, atexit's callbacks belong to the module object, so it must be the one in sys.modules,
 * and importing is not allowed in the fork window: there, without it, what is frozen stays so. */
static void register_thaw(enum gf_moment moment) {
    const struct gf_api *api = &gf_python.api;
    gf_object *module = gf_loaded_module("atexit");
    if (!module && gf_python.version->atexit_is_shared)
        module = create_builtin("atexit");
    else if (!module && moment != GF_MOMENT_WINDOW)
        module = api->PyImport_ImportModule("atexit");
    api->PyErr_Clear();
    if (!module)
        return;
    gf_thaw_register(module);
    api->Py_DecRef(module);
}

static bool keep_all(enum gf_moment moment, const struct gf_attach_options *options) {
    if (!keep_landmarks())
        return false;
    if (!gf_python.get_allocated_blocks)
        keep_allocated_blocks();
    if (options->before_os_fork)
        gf_warmup_replace(options->before_os_fork);
    register_thaw(moment);
    gf_python.api.Py_AtExit(forget); /* at most 32 callbacks: without it we see the end later */
    if (options->brake != 0 && register_hook("after_in_child", &after_fork_definition))
        gf_brake_set(options->brake);
    return true;
}

enum gcfreeze_reason gf_attach(enum gf_moment moment, const struct gf_attach_options *options,
                               void (*before)(void), void (*gone)(void)) {
    bool enabled = false;
    if (options->strip_preload)
        strip_preload(options->strip_preload);
    if (moment != GF_MOMENT_WINDOW)
        gf_unwind_open();
    before_fork = before;
    interpreter_gone = gone;
    host_function = options->host_function;
    /* an attempt that failed half way is taken up where it ended */
    if (!gf_python.gc.freeze && !keep_gc(options->brake != 0))
        return GCFREEZE_REASON_PYTHON_ERROR;
    if (gf_collector_suspend(&enabled) != 0)
        return GCFREEZE_REASON_PYTHON_ERROR;
    bool kept = keep_all(moment, options);
    bool resumed = gf_collector_resume(enabled) == 0;
    return kept && resumed ? GCFREEZE_REASON_NONE : GCFREEZE_REASON_PYTHON_ERROR;
}
