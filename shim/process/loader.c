#include "process/loader.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/load.h"
#include "process/threads.h"

/* A fork of a big process takes that long. What waits goes on then: whoever it waits for may wait
 * for it, as a thread that forks inside of a callback of dl_iterate_phdr. */
static const int64_t patience_us = 1000000;

/* The process that may ask: a child has another number until a handler of ours has seen it made. */
static bool started GF_AT_LOAD;
static pid_t asker GF_AT_LOAD;
static pid_t made GF_AT_LOAD; /* the last process that a handler has seen made */
static bool lent GF_AT_LOAD;  /* to a child that shares the process's memory */

static atomic_int inside GF_AT_LOAD;  /* threads of this process that ask */
static atomic_int forking GF_AT_LOAD; /* threads between our handlers */
static bool alone GF_AT_LOAD;         /* when the last fork came, this process had one thread */

static bool is_over(int64_t *end) {
    int64_t now = gf_clock_us();
    if (*end == 0)
        *end = now + patience_us;
    return now >= *end || now == 0; /* a sandbox may refuse the clock */
}

static bool begin(void) {
    int64_t end = 0;
    while (gf_loader_answers()) {
        atomic_fetch_add(&inside, 1);
        if (atomic_load(&forking) <= 0)
            return true;
        if (is_over(&end)) {
            atomic_store(&forking, 0); /* a handler of signals may have jumped out of a fork */
            return true;
        }
        atomic_fetch_sub(&inside, 1);
        sched_yield();
    }
    return false;
}

static void end(void) {
    atomic_fetch_sub(&inside, 1);
}

/* Only the one thread of a process can store true, and where there are more each stores false
 * before it forks. In a child that borrows its parent's memory (vfork) nobody counts as alone. */
static void before_fork(void) {
    int host_errno = errno;
    int64_t end = 0;
    bool ours = asker == getpid();
    alone = ours && gf_threads_count() == 1;
    atomic_fetch_add(&forking, 1);
    while (ours && !alone && atomic_load(&inside) > 0 && !is_over(&end))
        sched_yield();
    errno = host_errno;
}

static void after_fork(void) {
    atomic_fetch_sub(&forking, 1);
}

/* Inside while it is alone: a handler of signals has interrupted us and forks. */
static void in_child(void) {
    made = getpid();
    asker = alone && inside == 0 ? made : 0;
    lent = false;
    forking = 0;
}

void gf_loader_start(pid_t self) {
    asker = self;
    started = true;
    pthread_atfork(before_fork, after_fork, in_child); /* without memory: no child may ask */
}

bool gf_loader_answers(void) {
    return !started || lent || asker == getpid();
}

bool gf_loader_saw_fork(void) {
    return made == getpid();
}

void gf_loader_lend(bool to_child) {
    lent = to_child && gf_loader_answers();
}

int gf_loader_objects(int (*visit)(struct dl_phdr_info *, size_t, void *), void *context) {
    if (!begin())
        return 0;
    int result = dl_iterate_phdr(visit, context);
    end();
    return result;
}

void *gf_loader_open(const char *library) {
    if (!begin())
        return NULL;
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    end();
    return handle;
}

void *gf_loader_symbol(void *handle, const char *name) {
    if (!begin())
        return NULL;
    void *address = dlsym(handle ? handle : RTLD_NEXT, name);
    end();
    return address;
}

#ifdef __GLIBC__
void *gf_loader_symbol_of(const char *name, const char *version) {
    if (!begin())
        return NULL;
    void *address = dlvsym(RTLD_NEXT, name, version);
    end();
    return address;
}
#endif

static bool look_up(const void *address, Dl_info *ret) {
    if (!address || !begin())
        return false;
    bool found = dladdr(address, ret) != 0;
    end();
    return found;
}

const char *gf_loader_function_of(const void *address) {
    Dl_info info;
    return look_up(address, &info) ? info.dli_sname : NULL;
}

const void *gf_loader_object_of(const void *address, const char **ret_name) {
    Dl_info info;
    if (!look_up(address, &info))
        return NULL;
    if (ret_name)
        *ret_name = info.dli_fname;
    return info.dli_fbase;
}
