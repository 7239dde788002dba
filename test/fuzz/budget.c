/* libFuzzer can be given so much time, but not so much of a processor. With this, the soft limit of
 * RLIMIT_CPU ends a run in order, as SIGUSR1 does. */
#include <signal.h>

static void end(int number) {
    (void)number;
    raise(SIGUSR1);
}

__attribute__((constructor)) static void watch(void) {
    signal(SIGXCPU, end);
}
