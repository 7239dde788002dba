/* Forks of C code below Python, for test_odd_forks.py. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

/* CPython's. */
int PyGILState_Ensure(void);
void *PyEval_SaveThread(void);

pid_t odd_fork_with_lock(void);
void odd_wait_until_taken(void);
void odd_take_lock(void);
int odd_start_keeper(void);
pid_t odd_join_keeper(void);
int odd_fork_on_small_stack(void);
void *PyInit_pyuwsgi(void);
pid_t pyuwsgi_run(pid_t (*work)(void));

/* ---- C code that forks without the interpreter and with a lock of its own, which another thread
 * wants while it has the interpreter: in this order nobody waits for ever ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool taken, wanted;

static void wait_until(const atomic_bool *condition) {
    while (!*condition)
        sched_yield();
}

/* To be called without the interpreter. */
pid_t odd_fork_with_lock(void) {
    pthread_mutex_lock(&lock);
    taken = true;
    wait_until(&wanted);
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    pthread_mutex_unlock(&lock);
    return pid;
}

/* To be called without the interpreter: who takes the lock may need it to get there. */
void odd_wait_until_taken(void) {
    wait_until(&taken);
}

/* To be called with the interpreter, which stays taken. */
void odd_take_lock(void) {
    wanted = true;
    pthread_mutex_lock(&lock);
    pthread_mutex_unlock(&lock);
}

/* The same in a thread of C code that has called Python before and kept its thread state, as cffi's
 * do: no Python is on its stack. */
static pthread_t keeper;
static pid_t keepers_child;

static void *fork_in_keeper(void *unused) {
    PyGILState_Ensure();
    PyEval_SaveThread();
    keepers_child = odd_fork_with_lock();
    return unused;
}

int odd_start_keeper(void) {
    return pthread_create(&keeper, NULL, fork_in_keeper, NULL);
}

pid_t odd_join_keeper(void) {
    pthread_join(keeper, NULL);
    return keepers_child;
}

/* ---- a signal handler on a stack of the size that SIGSTKSZ has always been; on new processors
 * the kernel's own frame may need more of it than was meant for that ---- */

#ifdef __aarch64__
enum { FRAME = 5120, OURS = 16384 - FRAME };
#else
enum { FRAME = 2048, OURS = 8192 - FRAME };
#endif

static int small_status = -1;

static void fork_in_handler(int number) {
    (void)number;
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    waitpid(pid, &small_status, 0);
}

int odd_fork_on_small_stack(void) {
    enum { GUARD = 1 << 16 };
    const size_t frame = getauxval(AT_MINSIGSTKSZ); /* 0 before Linux 5.14 */
    const size_t size = (frame > FRAME ? frame : FRAME) + OURS;
    char *memory =
        mmap(NULL, GUARD + size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || mprotect(memory, GUARD, PROT_NONE) != 0)
        return -1;
    const stack_t stack = {.ss_sp = memory + GUARD, .ss_size = size};
    struct sigaction action = {.sa_handler = fork_in_handler, .sa_flags = SA_ONSTACK};
    if (sigaltstack(&stack, NULL) != 0 || sigaction(SIGUSR1, &action, NULL) != 0)
        return -1;
    raise(SIGUSR1);
    return small_status;
}

/* ---- a host that Python hands itself over to, under the names that pyuwsgi exports ---- */

void *PyInit_pyuwsgi(void) {
    return NULL;
}

static pid_t fork_worker(void) {
    return fork();
}

/* The host's own fork, or what it calls Python for. */
pid_t pyuwsgi_run(pid_t (*work)(void)) {
    pid_t (*volatile next)(void) = work ? work : fork_worker;
    pid_t pid = next();
    atomic_signal_fence(memory_order_seq_cst); /* this frame stays until then */
    return pid;
}
