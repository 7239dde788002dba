#include "cpython/warmup.h"

#include <errno.h>
#include <unistd.h>

#include "base/text.h"
#include "cpython/call.h"
#include "cpython/interpreter.h"
#include "cpython/replace.h"
#include "process/threads.h"
#include "process/trial.h"

extern const char gf_warmup_source[]; /* warmup/ */

static struct {
    gf_object *original, *ours; /* os.fork; owned */
    void (*before)(void);       /* NULL: os.fork is the interpreter's again */
    void (*tell)(const char *line);
} state;

/* ---- os.fork ---- */

static gf_object *fork_method(gf_object *self, gf_object *unused) {
    (void)self;
    (void)unused;
    if (state.before)
        state.before();
    return gf_python.api.PyErr_Occurred() ? NULL
                                          : gf_python.api.PyObject_CallObject(state.original, NULL);
}

void gf_warmup_replace(void (*before)(void)) {
    static struct gf_method method = {"fork", fork_method, GF_METHOD_NO_ARGUMENTS, NULL};
    static char doc[GF_DOC_SIZE];
    const struct gf_api *api = &gf_python.api;
    if (state.ours)
        return;
    gf_object *modules[] = {gf_loaded_module("posix"), gf_loaded_module("os")};
    state.original = modules[0] ? gf_attribute(modules[0], "fork") : NULL;
    if (state.original)
        state.ours = gf_replace(modules[0], state.original, &method, doc);
    if (state.ours) {
        state.before = before;
        if (modules[1])
            api->PyObject_SetAttrString(modules[1], "fork", state.ours);
        api->PyErr_Clear();
    }
    gf_release(modules, sizeof modules / sizeof *modules);
}

void gf_warmup_put_back(void) {
    const struct gf_api *api = &gf_python.api;
    gf_object *modules[] = {gf_loaded_module("posix"), gf_loaded_module("os")};
    state.before = NULL;
    for (size_t i = 0; state.ours && i < sizeof modules / sizeof *modules; i++) {
        gf_object *now = modules[i] ? gf_attribute(modules[i], "fork") : NULL;
        if (now == state.ours) /* and not what the application has put there */
            api->PyObject_SetAttrString(modules[i], "fork", state.original);
        gf_release(&now, 1);
    }
    api->PyErr_Clear();
    gf_release(modules, sizeof modules / sizeof *modules);
}

void gf_warmup_reset(void) {
    state.original = state.ours = NULL;
    state.before = NULL;
}

/* ---- what its Python code calls ---- */

/* A function without arguments of a module that is loaded; true: it was called and answered yes. */
static bool ask(const char *module, const char *name) {
    gf_object *loaded = gf_loaded_module(module);
    gf_object *function = loaded ? gf_attribute(loaded, name) : NULL;
    bool yes = function && gf_call_truth(function) > 0;
    gf_object *const used[] = {loaded, function};
    gf_release(used, sizeof used / sizeof *used);
    return yes;
}

bool gf_warmup_import_locked(void) {
    return ask("_imp", "lock_held");
}

/* The hooks of os.register_at_fork for a child, of which those before the fork have not been
 * called: one that gives up what nobody has taken raises, and is not to tell. */
static void after_fork_in_child(void) {
    const struct gf_api *api = &gf_python.api;
    gf_object *sys = gf_loaded_module("sys"), *builtins = gf_loaded_module("builtins");
    gf_object *told = sys ? gf_attribute(sys, "unraisablehook") : NULL;
    gf_object *mute = builtins ? gf_attribute(builtins, "id") : NULL;
    if (told && mute)
        api->PyObject_SetAttrString(sys, "unraisablehook", mute);
    api->PyOS_AfterFork_Child(); /* which gives the locks of fork_trial up as well */
    if (told && mute)
        api->PyObject_SetAttrString(sys, "unraisablehook", told);
    api->PyErr_Clear();
    gf_object *const used[] = {sys, builtins, told, mute};
    gf_release(used, sizeof used / sizeof *used);
}

/* As os.fork: a thread that is importing ends its step first, so that the child finds no module
 * half made. The hooks of os.register_at_fork are not called here, and in the child they are only
 * where the interpreter needs its own part of it: if other threads are gone. Up to 3.8 logging's
 * gives its lock up there (Lib/logging/__init__.py, _after_at_fork_child_reinit_locks); from 3.9 on
 * it makes a new one, and from 3.13 on it has not got these functions. */
static int fork_trial(double seconds) {
    const bool alone = gf_threads_left() == 1;
    if (!alone) {
        ask("logging", "_acquireLock");
        ask("_imp", "acquire_lock");
    }
    int result = gf_trial_fork(seconds);
    int error = errno;
    if (result == 0 && !alone) {
        after_fork_in_child();
    } else if (!alone) {
        ask("_imp", "release_lock");
        ask("logging", "_releaseLock");
    }
    errno = error;
    return result;
}

/* Without the GIL. False: a signal's handler has raised. */
static bool wait_for_trial(struct gf_trial *ret) {
    const struct gf_api *api = &gf_python.api;
    bool raised = false;
    for (;;) {
        gf_thread *thread = api->PyEval_SaveThread();
        bool over = gf_trial_wait(ret);
        api->PyEval_RestoreThread(thread);
        if (over)
            return !raised;
        if (!raised && api->PyErr_CheckSignals() != 0) {
            raised = true;
            gf_trial_stop();
        }
    }
}

static gf_object *trial_method(gf_object *self, gf_object *arguments) {
    const struct gf_api *api = &gf_python.api;
    double seconds = 0;
    struct gf_trial outcome;
    (void)self;
    if (!api->PyArg_ParseTuple(arguments, "d", &seconds))
        return NULL;
    int forked = fork_trial(seconds);
    if (forked == 0)
        return api->Py_BuildValue("");
    if (forked < 0)
        return api->Py_BuildValue("i", errno);
    gf_object *result = NULL;
    if (wait_for_trial(&outcome))
        result = api->Py_BuildValue("(sii)", outcome.report, outcome.status, (int)outcome.late);
    gf_trial_release();
    return result;
}

static gf_object *report_method(gf_object *self, gf_object *arguments) {
    const char *line = NULL;
    (void)self;
    if (!gf_python.api.PyArg_ParseTuple(arguments, "s", &line))
        return NULL;
    gf_trial_report(line);
    return gf_python.api.Py_BuildValue("");
}

static gf_object *tell_method(gf_object *self, gf_object *arguments) {
    const char *line = NULL;
    (void)self;
    if (!gf_python.api.PyArg_ParseTuple(arguments, "s", &line))
        return NULL;
    state.tell(line);
    return gf_python.api.Py_BuildValue("");
}

/* ---- running it ---- */

static gf_object *new_namespace(void) {
    static const struct gf_method trial = {"trial", trial_method, GF_METHOD_TUPLE, NULL};
    static const struct gf_method report = {"report", report_method, GF_METHOD_TUPLE, NULL};
    static const struct gf_method tell = {"tell", tell_method, GF_METHOD_TUPLE, NULL};
    const struct gf_api *api = &gf_python.api;
    gf_object *const functions[] = {api->PyCFunction_NewEx(&trial, NULL, NULL),
                                    api->PyCFunction_NewEx(&report, NULL, NULL),
                                    api->PyCFunction_NewEx(&tell, NULL, NULL)};
    gf_object *namespace = NULL;
    if (functions[0] && functions[1] && functions[2])
    namespace =
        api->Py_BuildValue("{s:s,s:O,s:O,s:O}", "__name__", "gcfreeze", trial.name, functions[0],
                           report.name, functions[1], tell.name, functions[2]);
    gf_release(functions, sizeof functions / sizeof *functions);
    return namespace;
}

/* exec(compile(source, ...), namespace) */
static bool execute(gf_object *namespace) {
    const struct gf_api *api = &gf_python.api;
    gf_object *builtins = gf_loaded_module("builtins");
    gf_object *compile = builtins ? gf_attribute(builtins, "compile") : NULL;
    gf_object *exec = builtins ? gf_attribute(builtins, "exec") : NULL;
    gf_object *arguments =
        api->Py_BuildValue("(sss)", gf_warmup_source, "<gcfreeze warm-up>", "exec");
    gf_object *code = NULL, *both = NULL, *done = NULL;
    if (compile && exec && arguments)
        code = api->PyObject_CallObject(compile, arguments);
    if (code)
        both = api->Py_BuildValue("(OO)", code, namespace);
    if (both)
        done = api->PyObject_CallObject(exec, both);
    if (!done)
        api->PyErr_Clear();
    gf_object *const used[] = {builtins, compile, exec, arguments, code, both, done};
    gf_release(used, sizeof used / sizeof *used);
    return done != NULL;
}

static bool read_result(gf_object *result, struct gf_warmed *ret) {
    struct gf_warmed warmed = {0};
    const char *statuses = NULL;
    long trial_us = 0, parent_us = 0;
    if (!gf_python.api.PyArg_ParseTuple(result, "llllls", &warmed.done, &warmed.left_out, &trial_us,
                                        &parent_us, &warmed.bytes, &statuses))
        return false;
    struct gf_text text;
    gf_text_init(&text, warmed.statuses, sizeof warmed.statuses);
    gf_text_add(&text, statuses);
    warmed.trial_us = trial_us;
    warmed.parent_us = parent_us;
    *ret = warmed;
    return true;
}

/* Functions and their globals hold each other: emptied, nothing of it stays. */
static void empty(gf_object *namespace) {
    const struct gf_api *api = &gf_python.api;
    gf_object *pending[3];
    api->PyErr_Fetch(&pending[0], &pending[1], &pending[2]);
    gf_object *clear = gf_attribute(namespace, "clear");
    if (clear)
        gf_call(clear);
    gf_release(&clear, 1);
    api->PyErr_Restore(pending[0], pending[1], pending[2]);
}

bool gf_warmup_run(const struct gf_warmup *warmup, struct gf_warmed *ret) {
    const struct gf_api *api = &gf_python.api;
    gf_object *function = NULL, *arguments = NULL, *result = NULL;
    state.tell = warmup->tell;
    gf_warmup_put_back();
    gf_object *namespace = new_namespace();
    if (namespace && execute(namespace))
        function = api->PyDict_GetItemString(namespace, "warm_up"); /* borrowed */
    if (function)
        arguments = api->Py_BuildValue("(slsss)", warmup->words, warmup->seconds, warmup->name,
                                       warmup->function, warmup->application);
    if (arguments)
        result = api->PyObject_CallObject(function, arguments); /* only what is no error raises */
    bool known = result && read_result(result, ret);
    if (namespace)
        empty(namespace);
    gf_object *const used[] = {namespace, arguments, result};
    gf_release(used, sizeof used / sizeof *used);
    return known;
}
