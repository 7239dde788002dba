/* The builtin modules that the library looks at: gc, posix, _posixsubprocess, _imp, sys. */
#include <errno.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "python.h"
#include "recorder.h"

static gf_object *none(void) {
    mock_keep(mock.none);
    return mock.none;
}

/* ---- gc ---- */

static gf_object *gc_enable(gf_object *self, gf_object *arguments) {
    (void)self, (void)arguments;
    recorder_note("gc.enable");
    mock.enabled = true;
    return none();
}

static gf_object *gc_disable(gf_object *self, gf_object *arguments) {
    (void)self, (void)arguments;
    recorder_note("gc.disable");
    mock.enabled = false;
    return none();
}

static gf_object *gc_isenabled(gf_object *self, gf_object *arguments) {
    (void)self, (void)arguments;
    return mock_number(mock.enabled);
}

static gf_object *tuple(long first, long second, long third) {
    gf_object *tuple = mock_new(MOCK_TUPLE);
    mock_add(tuple, NULL, mock_number(first));
    mock_add(tuple, NULL, mock_number(second));
    mock_add(tuple, NULL, mock_number(third));
    return tuple;
}

static gf_object *gc_get_threshold(gf_object *self, gf_object *arguments) {
    (void)self, (void)arguments;
    return tuple(mock.threshold, 10, 10);
}

static gf_object *gc_set_threshold(gf_object *self, gf_object *arguments) {
    (void)self;
    mock.threshold = arguments->items[0]->number;
    recorder_note("gc.set_threshold %ld", mock.threshold);
    return none();
}

static gf_object *gc_get_count(gf_object *self, gf_object *arguments) {
    (void)self, (void)arguments;
    return tuple(mock.count, 0, 0);
}

/* Generation 0 alone, and an empty one: the library sums, and leaves the oldest out. */
static gf_object *gc_get_stats(gf_object *self, gf_object *arguments) {
    (void)self, (void)arguments;
    gf_object *list = mock_new(MOCK_TUPLE);
    for (int i = 0; i < 2; i++) {
        gf_object *generation = mock_new(MOCK_DICT);
        mock_add(generation, "collections", mock_number(i ? 0 : mock.collections));
        mock_add(generation, "collected", mock_number(i ? 0 : mock.collected));
        mock_add(list, NULL, generation);
    }
    return list;
}

static gf_object *gc_unfreeze(gf_object *self, gf_object *arguments) {
    (void)self, (void)arguments;
    recorder_note("gc.unfreeze");
    mock.frozen = 0;
    return none();
}

static gf_object *gc_get_freeze_count(gf_object *self, gf_object *arguments) {
    (void)self, (void)arguments;
    return mock_number(mock.frozen);
}

static gf_object *gc_freeze(gf_object *self, gf_object *arguments) {
    (void)self, (void)arguments;
    recorder_note("gc.freeze");
    mock.frozen++;
    mock.count = 0;
    return none();
}

static gf_object *gc_collect(gf_object *self, gf_object *arguments) {
    (void)self, (void)arguments;
    recorder_note("gc.collect");
    mock.collections++;
    mock.count = 0;
    return mock_number(0);
}

/* ---- posix, _posixsubprocess ---- */

/* Both wait for the child, so that a record is complete when the call returns. */
static gf_object *forked(const char *what, pid_t pid) {
    char state[64];
    int error = errno;
    mock_describe(state, sizeof state);
    recorder_note("after %s %s errno=%d %s", what, pid < 0 ? "failed" : "worked", error, state);
    if (pid == 0)
        _exit(mock_arenas_work() ? 0 : 1);
    int status = 0;
    if (pid > 0 && (waitpid(pid, &status, 0) != pid || status != 0))
        mock_die("the child did not end well");
    if (!mock_arenas_right())
        mock_die("an arena changed");
    return mock_number(pid);
}

static void before_fork(void) {
    mock_run_hooks();
    recorder_note("window");
    errno = RECORDER_ERRNO_BEFORE;
}

static gf_object *posix_fork(gf_object *self, gf_object *arguments) {
    (void)self, (void)arguments;
    if (mock.abandon) {
        mock_run_hooks();
        return none();
    }
    before_fork();
    return forked("os.fork", fork());
}

static gf_object *posix_forkpty(gf_object *self, gf_object *arguments) {
    int master = -1;
    (void)self, (void)arguments;
    before_fork();
    gf_object *pid = forked("os.forkpty", forkpty(&master, NULL, NULL, NULL));
    if (master >= 0)
        close(master); /* not before the child has ended: it would be hung up */
    return pid;
}

/* With a preexec_fn: the hooks run as well. */
static gf_object *fork_exec(gf_object *self, gf_object *arguments) {
    (void)self, (void)arguments;
    before_fork();
    return forked("fork_exec", fork());
}

static gf_object *register_at_fork(gf_object *keywords, gf_object *arguments) {
    gf_object *hook = mock_find(keywords, "before");
    (void)arguments;
    recorder_note("register_at_fork %s", keywords->keys[0]);
    if (!hook) /* seen in real interpreters: here nothing of Python runs in a child */
        return none();
    mock_keep(hook);
    mock.before[mock.before_count++] = hook;
    return none();
}

/* ---- sys, _imp ---- */

static gf_object *getallocatedblocks(gf_object *self, gf_object *arguments) {
    (void)self, (void)arguments;
    recorder_note("sys.getallocatedblocks");
    return mock_number(1000000 + mock.count);
}

static gf_object *create_builtin(gf_object *self, gf_object *arguments) {
    (void)self;
    mock_expect(arguments->items[0], MOCK_DICT);
    gf_object *name = mock_find(arguments->items[0], "name");
    recorder_note("create_builtin %s", name->text);
    return mock_make_gc();
}

static gf_object *exec_builtin(gf_object *self, gf_object *arguments) {
    (void)self;
    mock_expect(arguments->items[0], MOCK_DICT);
    recorder_note("exec_builtin");
    return mock_number(0);
}

/* ---- putting them together ---- */

static gf_object *make(const struct gf_method *methods, size_t count) {
    gf_object *module = mock_new(MOCK_DICT);
    for (size_t i = 0; i < count; i++)
        mock_add(module, methods[i].name, mock_function(&methods[i]));
    return module;
}

gf_object *mock_make_gc(void) {
    static const struct gf_method methods[] = {
        {"enable", gc_enable, 0, NULL},
        {"disable", gc_disable, 0, NULL},
        {"isenabled", gc_isenabled, 0, NULL},
        {"get_threshold", gc_get_threshold, 0, NULL},
        {"set_threshold", gc_set_threshold, 0, NULL},
        {"freeze", gc_freeze, 0, NULL},
        {"unfreeze", gc_unfreeze, 0, NULL},
        {"get_freeze_count", gc_get_freeze_count, 0, NULL},
        {"collect", gc_collect, 0, NULL},
        {"get_count", gc_get_count, 0, NULL},
        {"get_stats", gc_get_stats, 0, NULL},
    };
    return make(methods, sizeof methods / sizeof *methods);
}

/* Keeps nothing: what the library registers is seen in real interpreters. */
static gf_object *atexit_register(gf_object *self, gf_object *arguments) {
    (void)self, (void)arguments;
    recorder_note("atexit.register");
    return none();
}

void mock_make_modules(void) {
    static const struct gf_method atexit_methods[] = {{"register", atexit_register, 0, NULL}};
    static const struct gf_method posix_methods[] = {
        {"fork", posix_fork, 0, NULL},
        {"forkpty", posix_forkpty, 0, NULL},
        {"register_at_fork", register_at_fork, 0, NULL},
    };
    static const struct gf_method subprocess_methods[] = {{"fork_exec", fork_exec, 0, NULL}};
    static const struct gf_method imp_methods[] = {
        {"create_builtin", create_builtin, 0, NULL},
        {"exec_builtin", exec_builtin, 0, NULL},
    };
    static const struct gf_method sys_methods[] = {
        {"getallocatedblocks", getallocatedblocks, 0, NULL}};
    mock.threshold = 700;
    mock.enabled = true;
    mock.none = mock_new(MOCK_NONE);
    mock.main = mock_new(MOCK_DICT);
    const char *module = getenv("MOCK_MODULE");
    mock_add(mock.main, "__name__", mock_text(module ? module : "__main__"));
    mock.sys = make(sys_methods, 1);
    mock_add(mock.sys, "implementation", mock_new(MOCK_DICT));
    mock.modules = mock_new(MOCK_DICT);
    mock_add(mock.modules, "posix", make(posix_methods, 3));
    mock_add(mock.modules, "_imp", make(imp_methods, 2));
    mock_add(mock.modules, "atexit", make(atexit_methods, 1));
    if (getenv("MOCK_GC"))
        mock_add(mock.modules, "gc", mock_make_gc());
    mock_add(mock.modules, "_posixsubprocess", make(subprocess_methods, 1));
}
