#include "hook/real.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/load.h"
#include "process/loader.h"
#include "process/threads.h"

struct gf_real gf_real GF_AT_LOAD;

static const struct {
    const char *name;
    size_t offset;
    bool old;
} rows[] = {
#define REAL(returns, name, arguments)     {#name, offsetof(struct gf_real, name), false},
#define REAL_OLD(returns, name, arguments) {#name, offsetof(struct gf_real, old_##name), true},
#include "hook/real.def"
#undef REAL
#undef REAL_OLD
};

/* POSIX lets dlsym's object pointer hold a function; ISO C has no cast for it. */
static void bind_one(size_t offset, const char *name, bool old) {
    void *function = gf_loader_symbol(NULL, name);
#ifdef GF_OLD_SPAWN
    /* A library that has no versions, and stands before libc, is taken whatever is asked for. */
    if (old && function == gf_loader_symbol_of(name, GF_NEW_SPAWN))
        function = gf_loader_symbol_of(name, GF_OLD_SPAWN);
#else
    (void)old;
#endif
    memcpy((char *)&gf_real + offset, &function, sizeof function);
}

void gf_real_bind(void) {
    if (gf_real.sigaction)
        return;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        bind_one(rows[i].offset, rows[i].name, rows[i].old);
}

static int no_sem_wait(sem_t *semaphore) {
    (void)semaphore;
    errno = ENOSYS;
    return -1;
}

static int no_sem_timedwait(sem_t *semaphore, const struct timespec *deadline) {
    (void)deadline;
    return no_sem_wait(semaphore);
}

struct gf_real *gf_real_semaphores(void) {
    gf_real_bind();
    if (!gf_real.sem_wait) {
        bind_one(offsetof(struct gf_real, sem_wait), "sem_wait", false);
        bind_one(offsetof(struct gf_real, sem_timedwait), "sem_timedwait", false);
    }
    if (!gf_real.sem_wait || !gf_real.sem_timedwait) {
        gf_real.sem_wait = no_sem_wait;
        gf_real.sem_timedwait = no_sem_timedwait;
    }
    return &gf_real;
}

/* A child may not be able to ask for semaphores any more (process/loader.h). */
static void bind_before_fork(void) {
    gf_real_bind();
    if (!gf_real.sem_wait && gf_threads_count() != 1)
        gf_real_semaphores();
}

pid_t gf_real_fork(void *nothing) {
    (void)nothing;
    bind_before_fork();
    return gf_real.fork();
}

pid_t gf_real_forkpty(void *arguments) {
    const struct gf_forkpty_arguments *a = arguments;
    bind_before_fork();
    /* Before glibc 2.34 it lives in libutil, which a host may load later than us. */
    if (!gf_real.forkpty)
        bind_one(offsetof(struct gf_real, forkpty), "forkpty", false);
    if (!gf_real.forkpty) {
        errno = ENOSYS;
        return -1;
    }
    return gf_real.forkpty(a->master, a->name, a->termios, a->size);
}
