/* A program with a mock interpreter: does what its arguments say, in their order, and prints the
 * record.
 *
 *   mock_host [prefix:]command...
 *
 * See `commands` and `prefixes` below. MOCK_PYTHON is the interpreter's file for `load`; without
 * it, the interpreter is part of the program.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gcfreeze.h"
#include "python.h"
#include "recorder.h"

static const struct mock_commands *python;

static void run(const char *word);

static void fail(const char *what) {
    fprintf(stderr, "mock_host: %s\n", what);
    exit(2);
}

/* ---- the interpreter's life ---- */

static void open_interpreter(int scope) {
    void *handle = dlopen(getenv("MOCK_PYTHON"), RTLD_NOW | scope);
    python = handle ? dlsym(handle, "mock_commands") : NULL;
    if (!python)
        fail(dlerror());
    recorder_edge.describe = python->describe;
}

/* A library that comes back does not find its old place free. */
static void unload(long unused) {
    struct link_map *map;
    void *handle = dlopen(getenv("MOCK_PYTHON"), RTLD_NOW | RTLD_NOLOAD);
    (void)unused;
    if (!handle || dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0)
        fail(dlerror());
    void *place = (void *)map->l_addr;
    recorder_edge.describe = NULL;
    python = NULL;
    dlclose(handle);
    dlclose(handle);
    if (mmap(place, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) !=
        place)
        fail("the library did not go");
}

static void load(long unused) {
    (void)unused;
    open_interpreter(RTLD_LOCAL);
}

static void load_global(long unused) {
    (void)unused;
    open_interpreter(RTLD_GLOBAL);
}

static void init(long unused) {
    (void)unused;
    python->initialize(true);
}

/* Py_InitializeEx(0) */
static void init_quiet(long unused) {
    (void)unused;
    python->initialize(false);
}

static void finalize_begin(long unused) {
    (void)unused;
    python->finalize_begin();
}

static void finalize_end(long unused) {
    (void)unused;
    python->finalize_end();
}

/* ---- forks ---- */

static void after(const char *what, pid_t pid) {
    int error = errno;
    char state[64] = "";
    if (python)
        python->describe(state, sizeof state);
    recorder_note("after %s %s errno=%d %s", what, pid < 0 ? "failed" : "worked", error, state);
    if (pid == 0)
        _exit(!python || python->arenas_work() ? 0 : 1);
    int status = 0;
    if (pid > 0 && (waitpid(pid, &status, 0) != pid || status != 0))
        fail("the child did not end well");
    if (python && !python->arenas_right())
        fail("an arena changed");
}

static void c_fork(long unused) {
    (void)unused;
    errno = RECORDER_ERRNO_BEFORE;
    after("fork", fork());
}

static void c_forkpty(long unused) {
    int master = -1;
    (void)unused;
    errno = RECORDER_ERRNO_BEFORE;
    after("forkpty", forkpty(&master, NULL, NULL, NULL));
    if (master >= 0)
        close(master); /* not before the child has ended: it would be hung up */
}

static void posix_builtin_fork(void) {
    python->run_builtin("posix", "fork");
}

static void posix_builtin_forkpty(void) {
    python->run_builtin("posix", "forkpty");
}

static void subprocess_builtin(void) {
    python->run_builtin("_posixsubprocess", "fork_exec");
}

static void os_fork(long unused) {
    (void)unused;
    python->evaluate(posix_builtin_fork);
}

static void os_forkpty(long unused) {
    (void)unused;
    python->evaluate(posix_builtin_forkpty);
}

static void fork_exec(long unused) {
    (void)unused;
    python->evaluate(subprocess_builtin);
}

/* The hooks prepare for a fork that never comes. */
static void abandoned_os_fork(long unused) {
    (void)unused;
    python->state->abandon = true;
    os_fork(0);
    python->state->abandon = false;
}

/* daemon(3): libc forks inside of itself, and no interposed function sees it. */
static void become_daemon(long unused) {
    (void)unused;
    if (daemon(1, 1) != 0)
        fail("daemon");
    recorder_move_home();
}

/* A C library that prepares to execute: all signals are blocked. */
static void block_signals(long unused) {
    sigset_t all;
    (void)unused;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
}

/* A child in our memory installs its signals, as programs do before they execute another. */
static void vfork_sigaction(long unused) {
    (void)unused;
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    pid_t pid = vfork();
    if (pid == 0) {
        sigaction(SIGPIPE, &ignore, NULL);
        _exit(0);
    }
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
        fail("vfork");
}

static void spawn(long unused) {
    static char name[] = "/bin/true";
    char *const arguments[] = {name, NULL};
    char *const environment[] = {NULL};
    pid_t pid = 0;
    int status = 0;
    (void)unused;
    if (posix_spawn(&pid, name, NULL, NULL, arguments, environment) != 0 ||
        waitpid(pid, &status, 0) != pid || status != 0)
        fail("posix_spawn");
}

/* The second thread forks while the first one is inside libc's fork. */
static void *fork_second(void *unused) {
    (void)unused;
    recorder_await(&recorder_edge.inside, recorder_edge.hold - 1);
    c_fork(0);
    return NULL;
}

static void together(long unused) {
    (void)unused;
    pthread_t second;
    recorder_edge.hold = recorder_edge.inside + 2;
    if (pthread_create(&second, NULL, fork_second, NULL) != 0)
        fail("pthread_create");
    os_fork(0);
    pthread_join(second, NULL);
}

/* ---- circumstances ---- */

static void fail_forks(long count) {
    recorder_edge.failures = (int)count;
}

static void exhaust_memory(long unused) {
    struct rlimit limit;
    (void)unused;
    if (getrlimit(RLIMIT_AS, &limit) != 0)
        fail("getrlimit");
    limit.rlim_cur = 0;
    if (setrlimit(RLIMIT_AS, &limit) != 0)
        fail("setrlimit");
}

/* Megabytes that stay. */
static void occupy(long megabytes) {
    size_t size = (size_t)megabytes << 20;
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        fail("mmap");
    memset(memory, 1, size);
}

static void interpreters(long count) {
    python->state->interpreters = (int)count;
}

static void allocate(long count) {
    python->state->count += count;
}

static void arenas(long more) {
    python->arenas_make(more);
}

static void threshold(long value) {
    python->set_threshold(value);
}

static void enabled(long value) {
    python->state->enabled = value != 0;
}

static void raise_exception(long unused) {
    (void)unused;
    python->raise();
}

static void attach(long unused) {
    (void)unused;
    python->thread_attach();
}

static void detach(long unused) {
    (void)unused;
    python->thread_detach();
}

/* ---- reports ---- */

static void report_references(long unused) {
    (void)unused;
    recorder_note("references %ld", python->references());
}

static void report_state(long unused) {
    char state[64];
    (void)unused;
    python->describe(state, sizeof state);
    recorder_note("state %s error=%s", state,
                  python->state->error ? python->state->error->text : "none");
}

static void report_preload(long unused) {
    const char *preload = getenv("LD_PRELOAD");
    (void)unused;
    recorder_note("LD_PRELOAD=%s", preload ? preload : "(unset)");
}

static void report_status(long unused) {
    int (*fill)(struct gcfreeze_status *);
    const char *(*name)(int32_t);
    struct gcfreeze_status status = {.size = sizeof status};
    (void)unused;
    *(void **)&fill = dlsym(RTLD_DEFAULT, "gcfreeze_status");
    *(void **)&name = dlsym(RTLD_DEFAULT, "gcfreeze_reason_name");
    if (!fill || !name || fill(&status) != 0)
        fail("gcfreeze_status");
    recorder_note("status attached=%d python=%s seen=%d frozen=%d spawns=%d last=%s",
                  status.attached, status.python, (int)status.forks_seen, (int)status.forks_frozen,
                  (int)status.spawns_seen, name(status.last_reason));
    for (int i = 0; i < GCFREEZE_REASON_COUNT; i++) {
        if (status.skipped[i])
            recorder_note("skipped %s=%d", name(i), (int)status.skipped[i]);
    }
}

/* What must be as it was: open files and blocked signals. */
static void report_resources(long unused) {
    sigset_t mask;
    int files = 0, blocked = 0;
    (void)unused;
    sigprocmask(SIG_BLOCK, NULL, &mask);
    for (int signal = 1; signal <= SIGRTMAX; signal++)
        blocked += sigismember(&mask, signal) == 1;
    for (int file = 0; file < 256; file++)
        files += fcntl(file, F_GETFD) >= 0;
    recorder_note("resources files=%d blocked=%d", files, blocked);
}

/* ---- the machine ---- */

static const struct {
    const char *name;
    void (*run)(long argument);
} commands[] = {
    {"load", load},
    {"load-global", load_global},
    {"unload", unload},
    {"init", init},
    {"init-quiet", init_quiet},
    {"finalize-begin", finalize_begin},
    {"finalize-end", finalize_end},
    {"os.fork", os_fork},
    {"os.forkpty", os_forkpty},
    {"fork_exec", fork_exec},
    {"fork", c_fork},
    {"forkpty", c_forkpty},
    {"abandoned-os.fork", abandoned_os_fork},
    {"vfork-sigaction", vfork_sigaction},
    {"daemon", become_daemon},
    {"block-signals", block_signals},
    {"spawn", spawn},
    {"together", together},
    {"fail-forks", fail_forks},
    {"exhaust-memory", exhaust_memory},
    {"occupy", occupy},
    {"interpreters", interpreters},
    {"allocate", allocate},
    {"arenas", arenas},
    {"threshold", threshold},
    {"enabled", enabled},
    {"raise", raise_exception},
    {"attach", attach},
    {"detach", detach},
    {"references", report_references},
    {"state", report_state},
    {"preload", report_preload},
    {"status", report_status},
    {"resources", report_resources},
};

static const char *deferred; /* what a prefix runs */

static void run_deferred(void) {
    run(deferred);
}

static void *run_in_thread(void *word) {
    run(word);
    return NULL;
}

/* In a second thread, unknown to the interpreter. */
static void in_thread(const char *word) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, run_in_thread, (void *)(uintptr_t)word) != 0)
        fail("pthread_create");
    pthread_join(thread, NULL);
}

static void in_evaluator(const char *word) {
    deferred = word;
    python->evaluate(run_deferred);
}

/* In a procedure of the object that the interpreter is a part of. */
static void in_plugin(const char *word) {
    deferred = word;
    python->call(run_deferred);
}

static const char *handled; /* what the signal handler runs */

static void on_signal(int signal) {
    (void)signal;
    run(handled);
}

/* In the handler of a signal that MOCK_SIGNAL sends. */
static void install_handler(const char *word) {
    struct sigaction action = {.sa_handler = on_signal};
    handled = word;
    if (sigaction(SIGUSR1, &action, NULL) != 0)
        fail("sigaction");
}

static void in_handler(const char *word) {
    install_handler(word);
    raise(SIGUSR1);
}

static atomic_int rival_state; /* 1: holds the GIL; 2: may let go */

static void *hold_gil(void *until_wanted) {
    python->thread_create();
    rival_state = 1;
    if (until_wanted)
        python->thread_await_rival();
    else
        recorder_await(&rival_state, 2);
    python->thread_detach();
    return NULL;
}

/* While another thread holds the GIL: until somebody waits for it, or all the time. */
static void with_rival(const char *word, bool until_wanted) {
    pthread_t rival;
    rival_state = 0;
    if (pthread_create(&rival, NULL, hold_gil, until_wanted ? &rival : NULL) != 0)
        fail("pthread_create");
    recorder_await(&rival_state, 1);
    run(word);
    rival_state = 2;
    pthread_join(rival, NULL);
}

static void while_busy(const char *word) {
    with_rival(word, true);
}

static void while_held(const char *word) {
    with_rival(word, false);
}

static const struct {
    const char *name;
    void (*run)(const char *word);
} prefixes[] = {
    {"thread:", in_thread},        {"eval:", in_evaluator}, {"signal:", in_handler},
    {"handler:", install_handler}, {"busy:", while_busy},   {"held:", while_held},
    {"plugin:", in_plugin},
};

static void run(const char *word) {
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        size_t length = strlen(prefixes[i].name);
        if (strncmp(word, prefixes[i].name, length) == 0) {
            prefixes[i].run(word + length);
            return;
        }
    }
    size_t length = strcspn(word, "=");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strlen(commands[i].name) == length && strncmp(commands[i].name, word, length) == 0) {
            commands[i].run(word[length] ? atol(word + length + 1) : 0);
            return;
        }
    }
    fail(word);
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++)
        run(argv[i]);
    recorder_print();
    return 0;
}
