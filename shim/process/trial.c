/* The child jumps from one stack to another, which fortified functions take for an attack. */
#undef _FORTIFY_SOURCE

#include "process/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "process/system.h"

enum {
    STACK_SIZE = 1 << 20, /* of the keeper: libc's fork and what others registered with it */
    REPORT_SIZE = 1 << 18,
    ACTION_SIZE = 64,  /* of the kernel's struct sigaction, at most */
    KERNEL_SIGNALS = 8 /* bytes of the kernel's signal set */
};

/* Shared with the child: what it reports. */
struct report {
    size_t used;
    char text[REPORT_SIZE];
};

/* This process's, and the keeper's, which runs in its memory. */
static struct {
    jmp_buf back; /* where the child goes on: on this process's stack */
    sigset_t signals;
    char action[ACTION_SIZE]; /* this process's for SIGCHLD, which the child gets back */
    pid_t parent, keeper, child;
    int error; /* of libc's fork */
    double seconds;
    /* 1: `child` and `error` are set, and the keeper leaves libc alone from then on */
    atomic_int forked;
    atomic_int over; /* 1: the keeper is about to end, too */
    atomic_bool late;
    int status;
    char *stack;
    struct report *report;
} trial;

/* ---- the keeper ---- */

static int64_t now_ns(void) {
    struct timespec now = {0, 0};
    gf_system_call(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&now, 0, 0, 0);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* Sleeps until a child or the parent has ended, at most until then. */
static void sleep_until(int64_t end_ns) {
    int64_t left = end_ns - now_ns();
    const struct timespec timeout = {(time_t)(left > 0 ? left / 1000000000 : 0),
                                     (long)(left > 0 ? left % 1000000000 : 0)};
    const uint64_t child_ended = UINT64_C(1) << (SIGCHLD - 1);
    gf_system_call(SYS_rt_sigtimedwait, (long)&child_ended, 0, (long)&timeout, KERNEL_SIGNALS, 0);
}

static long end_of(pid_t pid, int options) {
    return gf_system_call(SYS_wait4, pid, (long)&trial.status, options, 0, 0);
}

/* Sends SIGKILL to this process's children. False: there are none that can be seen. */
static bool kill_children(void) {
    char text[1024];
    long file = gf_system_call(SYS_openat, AT_FDCWD, (long)"/proc/thread-self/children",
                               O_RDONLY | O_CLOEXEC, 0, 0);
    long size = file < 0 ? 0 : gf_system_call(SYS_read, file, (long)text, sizeof text, 0, 0);
    long pid = 0;
    if (file >= 0)
        gf_system_call(SYS_close, file, 0, 0, 0, 0);
    for (long i = 0; i < size; i++) { /* each ends with a blank; a part of one that follows waits */
        if (text[i] >= '0' && text[i] <= '9') {
            pid = pid * 10 + text[i] - '0';
        } else {
            gf_system_call(SYS_kill, pid, SIGKILL, 0, 0, 0);
            pid = 0;
        }
    }
    return size > 0;
}

/* What the child has started goes with it: this process has adopted it. */
static void end_all(void) {
    int unused = 0;
    gf_system_call(SYS_kill, -trial.child, SIGKILL, 0, 0, 0);
    while (gf_system_call(SYS_wait4, -trial.child, (long)&unused, __WALL, 0, 0) > 0)
        continue;
    while (kill_children() && gf_system_call(SYS_wait4, -1, (long)&unused, __WALL, 0, 0) > 0)
        continue;
}

static bool is_orphan(void) {
    return gf_system_call(SYS_getppid, 0, 0, 0, 0, 0) != trial.parent;
}

static void watch_child(void) {
    const int64_t end_ns = now_ns() + (int64_t)(trial.seconds * 1e9);
    while (end_of(trial.child, WNOHANG) == 0) {
        if (now_ns() < end_ns && !is_orphan()) {
            sleep_until(end_ns);
            continue;
        }
        trial.late = true;
        gf_system_call(SYS_kill, trial.child, SIGKILL, 0, 0, 0);
        end_of(trial.child, 0);
        break;
    }
    end_all();
}

static int keep(void *unused) {
    static const char default_action[ACTION_SIZE]; /* SIG_DFL is 0 */
    (void)unused;
    /* when this process's parent is killed there is still something to end: a signal that wakes */
    gf_system_call(SYS_prctl, PR_SET_PDEATHSIG, SIGCHLD, 0, 0, 0);
    gf_system_call(SYS_prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    trial.keeper = (pid_t)gf_system_call(SYS_getpid, 0, 0, 0, 0, 0);
    /* Blocked and with its default action: else the kernel would throw it away, or reap. */
    gf_system_call(SYS_rt_sigaction, SIGCHLD, (long)default_action, (long)trial.action,
                   KERNEL_SIGNALS, 0);
    pid_t child = fork(); /* our own, which lets a borrower of memory pass (process/self.h) */
    if (child == 0)
        longjmp(trial.back, 1);
    trial.child = child;
    trial.error = errno;
    trial.forked = 1;
    gf_system_call(SYS_futex, (long)&trial.forked, FUTEX_WAKE, 1, 0, 0);
    if (child > 0)
        watch_child();
    trial.over = 1;
    gf_system_call(SYS_futex, (long)&trial.over, FUTEX_WAKE, 1, 0, 0);
    return 0;
}

/* ---- the child ---- */

static void settle(void) {
    const struct rlimit none = {0, 0};
    struct rlimit core;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != trial.keeper)
        _exit(1); /* it has ended already */
    setpgid(0, 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* so that its orphans are seen as something left behind */
    if (getrlimit(RLIMIT_CORE, &core) == 0) {
        core.rlim_cur = none.rlim_cur;
        setrlimit(RLIMIT_CORE, &core);
    }
    gf_system_call(SYS_rt_sigaction, SIGCHLD, (long)trial.action, 0, KERNEL_SIGNALS, 0);
    sigprocmask(SIG_SETMASK, &trial.signals, NULL);
}

void gf_trial_report(const char *text) {
    struct report *report = trial.report;
    size_t length = strlen(text);
    if (length + 2 > sizeof report->text - report->used)
        return;
    memcpy(report->text + report->used, text, length);
    report->text[report->used + length] = '\n';
    report->used += length + 1;
}

/* ---- the parent ---- */

static void *map(size_t size, int flags) {
    void *memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void gf_trial_release(void) {
    if (trial.stack)
        munmap(trial.stack, STACK_SIZE);
    if (trial.report)
        munmap(trial.report, sizeof *trial.report);
    trial.stack = NULL;
    trial.report = NULL;
}

/* Until the keeper has forked, it uses this thread's data: nothing here may. */
static bool wait_for_fork(void) {
    const struct timespec moment = {0, 100000000};
    int status = 0;
    while (!trial.forked) {
        gf_system_call(SYS_futex, (long)&trial.forked, FUTEX_WAIT, 0, (long)&moment, 0);
        if (!trial.forked && gf_system_call(SYS_wait4, trial.keeper, (long)&status,
                                            __WALL | WNOHANG, 0, 0) == trial.keeper)
            return false; /* somebody has killed it */
    }
    return true;
}

static bool start_keeper(void) {
    pid_t keeper = clone(keep, trial.stack + STACK_SIZE, CLONE_VM, NULL);
    if (keeper < 0)
        return false;
    trial.keeper = keeper;
    if (!wait_for_fork()) {
        errno = EAGAIN;
        return false;
    }
    if (trial.child > 0)
        return true;
    while (waitpid(keeper, NULL, __WALL) < 0 && errno == EINTR)
        continue;
    errno = trial.error;
    return false;
}

int gf_trial_fork(double seconds) {
    sigset_t all;
    trial.stack = map(STACK_SIZE, MAP_PRIVATE | MAP_STACK);
    trial.report = map(sizeof *trial.report, MAP_SHARED);
    trial.forked = trial.over = 0;
    trial.late = false;
    trial.status = 0;
    trial.child = 0;
    trial.seconds = seconds;
    trial.parent = getpid();
    if (!trial.stack || !trial.report) {
        gf_trial_release();
        errno = ENOMEM;
        return -1;
    }
    /* The keeper inherits the mask, and runs no handler of this process's. */
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &trial.signals);
    if (_setjmp(trial.back) != 0) {
        settle();
        return 0;
    }
    bool forked = start_keeper();
    int error = errno;
    sigprocmask(SIG_SETMASK, &trial.signals, NULL);
    if (!forked)
        gf_trial_release();
    errno = error;
    return forked ? 1 : -1;
}

/* A signal that comes right before a wait does not end it, so no wait is longer than a moment. */
bool gf_trial_wait(struct gf_trial *ret) {
    const struct timespec moment = {0, 50000000};
    if (!trial.over)
        gf_system_call(SYS_futex, (long)&trial.over, FUTEX_WAIT, 0, (long)&moment, 0);
    pid_t ended = waitpid(trial.keeper, NULL, __WALL | (trial.over ? 0 : WNOHANG));
    if (ended == 0 || (ended < 0 && errno == EINTR))
        return false;
    *ret = (struct gf_trial){trial.report->text, trial.status, trial.late};
    return true;
}

void gf_trial_stop(void) {
    kill(trial.child, SIGKILL);
}
