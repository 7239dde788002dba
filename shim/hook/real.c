#include "hook/real.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/load.h"

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
    void *function = dlsym(RTLD_NEXT, name);
#ifdef GF_OLD_SPAWN
    /* A library that has no versions, and stands before libc, is taken whatever is asked for. */
    if (old && function == dlvsym(RTLD_NEXT, name, GF_NEW_SPAWN))
        function = dlvsym(RTLD_NEXT, name, GF_OLD_SPAWN);
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

struct gf_real *gf_real_semaphores(void) {
    gf_real_bind();
    if (!gf_real.sem_wait) {
        bind_one(offsetof(struct gf_real, sem_wait), "sem_wait", false);
        bind_one(offsetof(struct gf_real, sem_timedwait), "sem_timedwait", false);
    }
    return &gf_real;
}

pid_t gf_real_fork(void *nothing) {
    (void)nothing;
    gf_real_bind();
    return gf_real.fork();
}

pid_t gf_real_forkpty(void *arguments) {
    const struct gf_forkpty_arguments *a = arguments;
    gf_real_bind();
    /* Before glibc 2.34 it lives in libutil, which a host may load later than us. */
    if (!gf_real.forkpty)
        bind_one(offsetof(struct gf_real, forkpty), "forkpty", false);
    if (!gf_real.forkpty) {
        errno = ENOSYS;
        return -1;
    }
    return gf_real.forkpty(a->master, a->name, a->termios, a->size);
}
