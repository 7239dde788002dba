/* Thread states and the GIL. Up to 3.11 the current thread state is one variable of the process,
 * from 3.12 on one of the thread. */
#include <pthread.h>
#include <stdlib.h>

#include "python.h"
#include "exports.h"

struct gf_thread {
    int gil_state_depth;
};

static struct gf_thread states[8];
static size_t state_count;
static _Thread_local gf_thread *own, *current;

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    gf_thread *holder;
    int waiting;
} gil = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

void mock_thread_attach(void) {
    pthread_mutex_lock(&gil.lock);
    gil.waiting++;
    pthread_cond_broadcast(&gil.changed);
    while (gil.holder)
        pthread_cond_wait(&gil.changed, &gil.lock);
    gil.waiting--;
    gil.holder = own;
    pthread_mutex_unlock(&gil.lock);
    current = own;
}

void mock_thread_detach(void) {
    current = NULL;
    pthread_mutex_lock(&gil.lock);
    gil.holder = NULL;
    pthread_cond_broadcast(&gil.changed);
    pthread_mutex_unlock(&gil.lock);
}

void mock_thread_await_rival(void) {
    pthread_mutex_lock(&gil.lock);
    while (gil.waiting == 0)
        pthread_cond_wait(&gil.changed, &gil.lock);
    pthread_mutex_unlock(&gil.lock);
}

void mock_thread_create(void) {
    own = &states[state_count++];
    mock_thread_attach();
}

bool mock_thread_holds_gil(void) {
    return current && gil.holder == current;
}

gf_thread *mock_thread_current(void) {
    return current;
}

gf_thread *mock_thread_swap(gf_thread *thread) {
    gf_thread *before = current;
    pthread_mutex_lock(&gil.lock);
    gil.holder = thread;
    pthread_mutex_unlock(&gil.lock);
    current = thread;
    return before;
}

int mock_thread_interpreter(const gf_thread *thread) {
    const char *where = getenv("MOCK_WHERE");
    if (thread < states || thread >= states + sizeof states / sizeof *states)
        mock_die("a thread state that does not exist");
    return where ? atoi(where) : 0;
}

gf_thread *_PyThreadState_UncheckedGet(void) {
    mock_called(CALL__PyThreadState_UncheckedGet);
    return mock.minor < 12 ? gil.holder : current;
}

gf_thread *PyThreadState_GetUnchecked(void) {
    mock_called(CALL_PyThreadState_GetUnchecked);
    return current;
}

gf_thread *PyGILState_GetThisThreadState(void) {
    return mock_called(CALL_PyGILState_GetThisThreadState) ? own : NULL;
}

int PyGILState_Ensure(void) {
    mock_called(CALL_PyGILState_Ensure);
    if (!own)
        mock_die("PyGILState_Ensure in a thread that the interpreter does not know");
    own->gil_state_depth++;
    if (current == own)
        return 0; /* PyGILState_LOCKED */
    mock_thread_attach();
    return 1;
}

void PyGILState_Release(int state) {
    mock_called(CALL_PyGILState_Release);
    if (!own || own->gil_state_depth-- == 0)
        mock_die("PyGILState_Release without PyGILState_Ensure");
    if (state == 1)
        mock_thread_detach();
}
