#include "loader.h"

#include <link.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

static sem_t wanted, held, enough;
static bool holding; /* in this process */

static void start(void *(*work)(void *)) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, work, NULL) != 0)
        abort();
}

static void wait_for(sem_t *semaphore) {
    while (sem_wait(semaphore) != 0)
        continue;
}

static int hold(struct dl_phdr_info *object, size_t size, void *context) {
    (void)object, (void)size, (void)context;
    sem_post(&held);
    wait_for(&enough);
    return 1;
}

static void *hold_when_wanted(void *unused) {
    for (;;) {
        wait_for(&wanted);
        dl_iterate_phdr(hold, unused);
    }
    return NULL;
}

void loader_before_fork(void) {
    if (!holding)
        return;
    sem_post(&wanted);
    wait_for(&held);
}

void loader_after_fork(void) {
    if (holding)
        sem_post(&enough);
}

void loader_in_child(void) {
    holding = false; /* the thread is not here */
}

void loader_hold_at_forks(void) {
    sem_init(&wanted, 0, 0);
    sem_init(&held, 0, 0);
    sem_init(&enough, 0, 0);
    holding = true;
    start(hold_when_wanted);
    pthread_atfork(loader_before_fork, loader_after_fork, loader_in_child);
}

/* Asleep, so that whoever forks finds a processor. */
static int linger(struct dl_phdr_info *object, size_t size, void *context) {
    (void)object, (void)size, (void)context;
    nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
    return 1;
}

static void *ask_for_ever(void *unused) {
    for (;;) {
        dl_iterate_phdr(linger, unused);
        nanosleep(&(struct timespec){.tv_nsec = 1000}, NULL); /* lets others in */
    }
    return NULL;
}

void loader_crowd(int threads) {
    while (threads-- > 0)
        start(ask_for_ever);
}

static int count(struct dl_phdr_info *object, size_t size, void *context) {
    (void)object, (void)size;
    ++*(int *)context;
    return 0;
}

void loader_ask(void) {
    int objects = 0;
    if (dl_iterate_phdr(count, &objects) != 0 || objects == 0)
        abort();
}
