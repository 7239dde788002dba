#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <time.h>

#include "core/reshare.h"
#include "hook/real.h"
#include "hook/wait.h"

/* Microseconds that are left, and 0 once it has been; -1: for ever; -2: not a time that the kernel
 * would take. Its clock may be set: what is left is asked for anew each time. */
static int64_t us_until(const struct timespec *deadline) {
    const int64_t farthest = INT64_C(1) << 40;
    struct timespec now = {0, 0};
    if (!deadline)
        return -1;
    if (deadline->tv_nsec < 0 || deadline->tv_nsec > 999999999 || deadline->tv_sec < 0 ||
        deadline->tv_sec > farthest)
        return -2;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t us = (deadline->tv_sec - now.tv_sec) * INT64_C(1000000) +
                 (deadline->tv_nsec - now.tv_nsec) / 1000;
    return us < 0 ? 0 : us;
}

static struct timespec realtime_in(int64_t us) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    us += time.tv_nsec / 1000;
    time.tv_sec += us / 1000000;
    time.tv_nsec = us % 1000000 * 1000;
    return time;
}

/* In a slice of the only thread. */
static void slice_alone(int64_t left_us) {
    sigset_t all, before;
    sigfillset(&all);
    if (sigprocmask(SIG_SETMASK, &all, &before) != 0)
        return;
    gf_reshare_slice(left_us, GF_CUT_ALONE_ONCE);
    sigprocmask(SIG_SETMASK, &before, NULL);
}

/* A semaphore's wait cannot be given a mask. So nothing is blocked while it lasts, and it ends with
 * EINTR where it was cut, whoever else is there; that is for callers that look for signals then. */
static bool cut_semaphore(sem_t *semaphore, const struct timespec *deadline, const void *code,
                          int *ret) {
    int64_t left = us_until(deadline);
    struct gf_cutting cutting = {GF_CUT_NOT, -1, false};
    if (left != -2 && left != 0)
        cutting = gf_wait_plan(left, false, code);
    if (cutting.how == GF_CUT_NOT)
        return false;
    const struct timespec until = realtime_in(cutting.first_us);
    *ret = cutting.overdue ? -1 : gf_real_semaphores()->sem_timedwait(semaphore, &until);
    if (!cutting.overdue && (*ret == 0 || errno == EINTR))
        return true;
    if (!cutting.overdue && errno != ETIMEDOUT)
        return false;
    if (cutting.how == GF_CUT_BESIDE_THREADS)
        gf_reshare_slice(us_until(deadline), cutting.how);
    else
        slice_alone(us_until(deadline));
    errno = EINTR;
    return true;
}

int gf_wait_semaphore(sem_t *semaphore, const struct timespec *deadline, const void *code) {
    const struct gf_real *real = gf_real_semaphores();
    int error = errno, result = 0;
    bool answered = cut_semaphore(semaphore, deadline, code, &result);
    if (answered && result < 0)
        return result;
    errno = error;
    if (answered)
        return result;
    return deadline ? real->sem_timedwait(semaphore, deadline) : real->sem_wait(semaphore);
}
