/* The mock interpreter: the functions of shim/cpython/api.def under their real names, and what a
 * host does with an interpreter.
 *
 * Environment: MOCK_VERSION is Py_GetVersion's text. MOCK_OMIT names symbols, separated by commas,
 * that the object does not export. MOCK_FAIL=name:n makes the nth call of a function fail.
 * MOCK_SIGNAL=name:n raises SIGUSR1 inside of the nth call. MOCK_MODULE is the __name__ of the
 * module whose code the evaluator runs. MOCK_GC, if
 * set, puts the gc module into sys.modules. MOCK_WHERE is the number of the interpreter that the
 * host's threads belong to. More in interpreters.c.
 */
#ifndef MOCK_PYTHON_H
#define MOCK_PYTHON_H

#include <stdbool.h>
#include <stddef.h>

#include "object.h"

struct mock {
    int minor; /* of the version: 3.minor */
    bool initialized;
    int interpreters;
    int frames;   /* of the evaluator on the stack of its thread */
    bool abandon; /* os.fork returns after its hooks */
    gf_object *modules, *sys, *main, *none;
    gf_object *error; /* the pending exception, or NULL */

    long threshold, count, collections, collected, frozen;
    bool enabled;

    gf_object *before[8];
    size_t before_count;
    void (*at_exit[32])(void);
    size_t at_exit_count;
};
extern struct mock mock;

/* Exception "MemoryError" pending; NULL, for `return mock_raise()`. */
gf_object *mock_raise(void);

/* The collector's state as text, and the before hooks of os.fork, last registered first. */
void mock_describe(char *buffer, size_t size);
void mock_run_hooks(void);

/* modules.c */
void mock_make_modules(void);
gf_object *mock_make_gc(void);

/* thread.c: the GIL, and which thread has which state */
void mock_thread_create(void); /* gives the calling thread a state and the GIL */
void mock_thread_attach(void);
void mock_thread_detach(void);
void mock_thread_await_rival(void); /* until somebody waits for the GIL */
bool mock_thread_holds_gil(void);
gf_thread *mock_thread_current(void);
gf_thread *mock_thread_swap(gf_thread *thread); /* returns the current one */
int mock_thread_interpreter(const gf_thread *thread);

/* arenas.c: as many more arenas, and whether all hold what they should. A child's work copies their
 * pages, changes a byte in each arena, and waits. */
void mock_arenas_make(long more);
bool mock_arenas_right(void);
bool mock_arenas_work(void);

/* What the host finds with dlsym under the name mock_commands. */
struct mock_commands {
    struct mock *state;
    void (*initialize)(bool install_signals);
    void (*finalize_begin)(void);
    void (*finalize_end)(void);
    void (*evaluate)(void (*code)(void));
    void (*call)(void (*code)(void)); /* not Python, but linked into the same object */
    void (*run_builtin)(const char *module, const char *function);
    void (*set_threshold)(long value); /* the application does, by gc.set_threshold */
    void (*describe)(char *buffer, size_t size);
    gf_object *(*raise)(void);
    long (*references)(void);
    void (*thread_create)(void), (*thread_attach)(void), (*thread_detach)(void);
    void (*thread_await_rival)(void);
    void (*arenas_make)(long more);
    bool (*arenas_right)(void), (*arenas_work)(void);
};

#endif
