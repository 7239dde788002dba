/* Copies of arenas: what they hold, who sees a write, and why none is made. */
#include "support/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "pages/arenas.h"
#include "pages/snapshot.h"
#include "support/arena.h"
#include "support/companion.h"
#include "support/deny.h"
#include "support/ring.h"

static const struct gf_arena *known(const char *address) {
    const struct gf_arena *arena;
    size_t position = 0;
    while ((arena = gf_arenas_next(&position)) != NULL) {
        if (gf_arena_address(arena) == address)
            return arena;
    }
    return NULL;
}

static void expect_to_take(size_t bytes, enum gcfreeze_reason reason) {
    size_t taken = 0;
    enum gcfreeze_reason answer = gf_snapshot_take(&taken);
    assert_string_equal(gcfreeze_reason_name((int32_t)answer),
                        gcfreeze_reason_name((int32_t)reason));
    assert_int_equal(taken, bytes);
}

/* ---- edges that a test looks at or breaks ---- */

static int seals, blocked_while_moving = -1;
static bool arena_is_taken_away, short_writes;

int __real_close(int file);
int __wrap_close(int file);
int __wrap_close(int file) {
    int found = fcntl(file, F_GET_SEALS);
    if (found >= 0)
        seals = found;
    return __real_close(file);
}

ssize_t __real_write(int file, const void *data, size_t size);
ssize_t __wrap_write(int file, const void *data, size_t size);
ssize_t __wrap_write(int file, const void *data, size_t size) {
    static unsigned calls;
    if (short_writes && ++calls % 2 == 0) {
        errno = EINTR;
        return -1;
    }
    return __real_write(file, data, short_writes && size > 1000 ? size / 3 : size);
}

void *__real_mremap(void *old, size_t old_size, size_t size, int flags, ...);
void *__wrap_mremap(void *old, size_t old_size, size_t size, int flags, ...);
void *__wrap_mremap(void *old, size_t old_size, size_t size, int flags, ...) {
    va_list more;
    va_start(more, flags);
    void *address = va_arg(more, void *);
    va_end(more);
    sigset_t blocked;
    sigprocmask(SIG_SETMASK, NULL, &blocked);
    blocked_while_moving = sigismember(&blocked, SIGUSR1) && sigismember(&blocked, SIGSEGV);
    if (arena_is_taken_away) {
        munmap(address, size);
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return __real_mremap(old, old_size, size, flags, address);
}

/* ---- what is taken ---- */

static void an_arena_reads_as_before_and_has_a_copy(void **state) {
    (void)state;
    char *arena = gf_arena_new();
    size_t descriptors = gf_arena_descriptors();
    expect_to_take(gf_arena_bytes(), GCFREEZE_REASON_NONE);
    assert_true(gf_arena_is_as_new(arena));
    assert_true(gf_arena_is_as_new(known(arena)->original));
    assert_int_equal(gf_arena_mappings("/memfd:gcfreeze (deleted)"), 2);
    assert_int_equal(gf_arena_mappings("rw-p"), gf_arena_mappings("rw"));
    assert_int_equal(gf_arena_descriptors(), descriptors);
}

static void nobody_can_write_to_the_copy_any_more(void **state) {
    (void)state;
    gf_arena_new();
    gf_arena_snapshot();
    assert_int_equal(seals & (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE),
                     F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
}

static void a_write_stays_in_its_process(void **state) {
    int to_child[2], to_parent[2], status = -1;
    char byte = 0;
    (void)state;
    char *arena = gf_arena_new();
    gf_arena_snapshot();
    assert_int_equal(pipe(to_child) + pipe(to_parent), 0);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        gf_arena_change(arena, 1);
        bool good = write(to_parent[1], "x", 1) == 1 && read(to_child[0], &byte, 1) == 1;
        good = good && gf_arena_page_is_as_new(arena, 2) && !gf_arena_page_is_as_new(arena, 1);
        _exit(good && gf_arena_is_as_new(known(arena)->original) ? 0 : 1);
    }
    gf_arena_change(arena, 2);
    assert_int_equal(read(to_parent[0], &byte, 1), 1);
    assert_true(gf_arena_page_is_as_new(arena, 1));
    assert_true(gf_arena_is_as_new(known(arena)->original));
    assert_int_equal(write(to_child[1], "x", 1), 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void only_new_arenas_are_copied_again(void **state) {
    (void)state;
    char *first = gf_arena_new();
    expect_to_take(gf_arena_bytes(), GCFREEZE_REASON_NONE);
    gf_arena_change(first, 5);
    expect_to_take(0, GCFREEZE_REASON_NONE);
    gf_arena_new();
    char *third = gf_arena_new();
    expect_to_take(2 * gf_arena_bytes(), GCFREEZE_REASON_NONE);
    assert_true(gf_arena_is_as_new(known(first)->original)); /* an old copy never changes */
    assert_int_equal(first[5 * gf_page_size() + 200], 0);
    assert_true(gf_arena_is_as_new(third));
}

static void bytes_add_up(void **state) {
    (void)state;
    size_t bytes = 5;
    gf_arena_new();
    assert_int_equal(gf_snapshot_take(&bytes), GCFREEZE_REASON_NONE);
    assert_int_equal(bytes, 5 + gf_arena_bytes());
}

static void a_freed_arena_takes_its_copy_along(void **state) {
    (void)state;
    char *arena = gf_arena_new();
    gf_arena_snapshot();
    gf_arena_free(arena);
    assert_int_equal(gf_arena_mappings("/memfd:gcfreeze"), 0);
}

static void signals_are_blocked_meanwhile(void **state) {
    sigset_t before, after;
    (void)state;
    gf_arena_new();
    sigemptyset(&before);
    sigaddset(&before, SIGUSR2);
    sigprocmask(SIG_SETMASK, &before, NULL);
    gf_arena_snapshot();
    assert_int_equal(blocked_while_moving, 1);
    sigprocmask(SIG_SETMASK, NULL, &after);
    assert_true(sigismember(&after, SIGUSR2) && !sigismember(&after, SIGUSR1));
}

static void writes_may_be_short_or_interrupted(void **state) {
    (void)state;
    char *arena = gf_arena_new();
    short_writes = true;
    expect_to_take(gf_arena_bytes(), GCFREEZE_REASON_NONE);
    assert_true(gf_arena_is_as_new(arena));
}

/* ---- why not ---- */

/* Nothing was copied, the arena is as it was, and nothing stays behind. */
static void expect_to_decline(char *arena, enum gcfreeze_reason reason) {
    size_t mappings = gf_arena_mappings("/memfd:gcfreeze"), descriptors = gf_arena_descriptors();
    expect_to_take(0, reason);
    gf_arena_touch_all(arena);
    assert_true(gf_arena_is_as_new(arena));
    assert_null(known(arena)->original);
    assert_int_equal(gf_arena_mappings("/memfd:gcfreeze"), mappings);
    assert_int_equal(gf_arena_descriptors(), descriptors);
}

static void no_arenas(void **state) {
    (void)state;
    expect_to_take(0, GCFREEZE_REASON_NO_ARENAS);
    assert_true(gf_arenas_open());
    expect_to_take(0, GCFREEZE_REASON_NO_ARENAS);
}

static void a_limit_on_file_size_raises_no_signal(void **state) {
    (void)state;
    char *arena = gf_arena_new();
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = gf_arena_bytes() - 1;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    expect_to_decline(arena, GCFREEZE_REASON_FILE_SIZE_LIMIT);
    limit.rlim_cur = gf_arena_bytes();
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    expect_to_take(gf_arena_bytes(), GCFREEZE_REASON_NONE);
}

static void no_descriptor_left(void **state) {
    (void)state;
    char *arena = gf_arena_new();
    struct rlimit before;
    getrlimit(RLIMIT_NOFILE, &before);
    const struct rlimit none = {0, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    expect_to_take(0, GCFREEZE_REASON_NO_DESCRIPTOR);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_true(gf_arena_is_as_new(arena));
}

static void a_kernel_without_memfd(void **state) {
    (void)state;
    char *arena = gf_arena_new();
    gf_deny(SYS_memfd_create, ENOSYS);
    expect_to_decline(arena, GCFREEZE_REASON_NO_MEMFD);
}

static void a_kernel_that_does_not_know_the_newest_flag(void **state) {
    (void)state;
    char *arena = gf_arena_new();
    gf_deny_bits(SYS_memfd_create, 1, 8, EINVAL); /* MFD_NOEXEC_SEAL, Linux 6.3 */
    expect_to_take(gf_arena_bytes(), GCFREEZE_REASON_NONE);
    assert_true(gf_arena_is_as_new(arena));
    nobody_can_write_to_the_copy_any_more(state);
}

static void a_kernel_that_does_not_seal(void **state) {
    (void)state;
    char *arena = gf_arena_new();
    gf_deny_value(SYS_fcntl, 1, F_ADD_SEALS, EPERM);
    expect_to_decline(arena, GCFREEZE_REASON_NO_MEMFD);
}

static void no_memory_for_the_copy(void **state) {
    (void)state;
    char *arena = gf_arena_new();
    gf_deny_value(SYS_write, 2, (uint32_t)gf_arena_bytes(), ENOSPC);
    expect_to_decline(arena, GCFREEZE_REASON_NO_ROOM);
}

static void no_addresses_for_the_copy(void **state) {
    (void)state;
    char *arena = gf_arena_new();
    gf_deny_value(SYS_mmap, 1, (uint32_t)gf_arena_bytes(), ENOMEM);
    expect_to_decline(arena, GCFREEZE_REASON_NO_ROOM);
}

static void no_addresses_for_the_second_mapping(void **state) {
    (void)state;
    char *arena = gf_arena_new();
    gf_deny_value(SYS_mmap, 2, PROT_READ, ENOMEM);
    expect_to_decline(arena, GCFREEZE_REASON_NO_ROOM);
}

static void a_kernel_that_does_not_move_the_copy(void **state) {
    (void)state;
    char *arena = gf_arena_new();
    gf_deny(SYS_mremap, ENOMEM);
    expect_to_decline(arena, GCFREEZE_REASON_NO_ROOM);
}

static void a_kernel_that_takes_the_arena_and_does_not_move(void **state) {
    (void)state;
    char *arena = gf_arena_new();
    arena_is_taken_away = true;
    expect_to_decline(arena, GCFREEZE_REASON_NO_ROOM);
}

static void what_is_in_place_stays_when_a_later_copy_fails(void **state) {
    (void)state;
    char *first = gf_arena_new();
    gf_arena_snapshot();
    char *second = gf_arena_new();
    gf_deny(SYS_memfd_create, ENOSYS);
    expect_to_decline(second, GCFREEZE_REASON_NO_MEMFD);
    assert_non_null(known(first)->original);
    assert_true(gf_arena_is_as_new(first));
}

/* ---- mappings ---- */

static size_t mappings(void) {
    size_t all, marked;
    assert_true(gf_file_lines("/proc/self/maps", "/", &all, &marked));
    return all;
}

/* A page that may be read among others that may not adds two. Returns how many there may be. */
static size_t leave_mappings(size_t left) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char limit[32];
    assert_true(gf_file_read("/proc/sys/vm/max_map_count", limit, sizeof limit) > 0);
    const size_t most = strtoul(limit, NULL, 10);
    if (most > 1 << 20)
        skip();
    char *memory = mmap(NULL, most * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED);
    const size_t more = most - mappings() - left;
    for (size_t i = 1; i < more; i += 2)
        assert_int_equal(mprotect(memory + i * page, page, PROT_READ), 0);
    return most;
}

static void copies_take_half_of_the_mappings_that_are_left(void **state) {
    (void)state;
    for (size_t i = 0; i < 160; i++)
        gf_arena_new();
    size_t bytes = 0, most = leave_mappings(60), left = most - mappings();
    assert_in_range(left, 55, 65);
    assert_int_equal(gf_snapshot_take(&bytes), GCFREEZE_REASON_TOO_MANY_ARENAS);
    assert_true(bytes > 0);
    assert_true(bytes > 0);
    assert_true(most - mappings() >= left / 2);
    assert_int_equal(gf_snapshot_take(&bytes), GCFREEZE_REASON_TOO_MANY_ARENAS);
    /* what copies have cut off others' mappings is everybody else's then: half of it more */
    assert_true(most - mappings() >= left / 2 - left / 10);
}

static void another_thread_keeps_copies_away_as_long_as_it_lives(void **state) {
    struct gf_companion companion;
    (void)state;
    char *arena = gf_arena_new();
    gf_companion_start(&companion);
    expect_to_take(0, GCFREEZE_REASON_THREADS);
    assert_true(gf_arena_is_as_new(arena));
    gf_companion_end(&companion);
    expect_to_take(gf_arena_bytes(), GCFREEZE_REASON_NONE);
}

static void a_ring_keeps_copies_away_as_long_as_it_is_open(void **state) {
    (void)state;
    char *arena = gf_arena_new();
    int ring = gf_ring_open();
    expect_to_decline(arena, GCFREEZE_REASON_IO_URING);
    close(ring);
    expect_to_take(gf_arena_bytes(), GCFREEZE_REASON_NONE);
}

static void pinned_memory_is_not_copied(void **state) {
    (void)state;
    char *arena = gf_arena_new();
    gf_ring_pin(gf_ring_open(), arena, 100);
    expect_to_decline(arena, GCFREEZE_REASON_PINNED_MEMORY);
}

static void descriptors_that_are_not_told_may_be_rings(void **state) {
    (void)state;
    char *arena = gf_arena_new();
    gf_deny(SYS_readlinkat, EACCES);
    expect_to_decline(arena, GCFREEZE_REASON_NO_PROC);
}

static void a_kernel_without_statx_counts_threads_too(void **state) {
    (void)state;
    gf_arena_new();
    gf_deny(SYS_statx, ENOSYS);
    expect_to_take(gf_arena_bytes(), GCFREEZE_REASON_NONE);
}

static void without_proc_nobody_knows_about_threads(void **state) {
    (void)state;
    char *arena = gf_arena_new();
    gf_deny(SYS_statx, ENOENT);
    expect_to_take(0, GCFREEZE_REASON_NO_PROC);
    assert_true(gf_arena_is_as_new(arena));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_arena_reads_as_before_and_has_a_copy),
        cmocka_unit_test(nobody_can_write_to_the_copy_any_more),
        cmocka_unit_test(a_write_stays_in_its_process),
        cmocka_unit_test(only_new_arenas_are_copied_again),
        cmocka_unit_test(bytes_add_up),
        cmocka_unit_test(a_freed_arena_takes_its_copy_along),
        cmocka_unit_test(signals_are_blocked_meanwhile),
        cmocka_unit_test(writes_may_be_short_or_interrupted),
        cmocka_unit_test(no_arenas),
        cmocka_unit_test(a_limit_on_file_size_raises_no_signal),
        cmocka_unit_test(no_descriptor_left),
        cmocka_unit_test(a_kernel_without_memfd),
        cmocka_unit_test(a_kernel_that_does_not_know_the_newest_flag),
        cmocka_unit_test(a_kernel_that_does_not_seal),
        cmocka_unit_test(no_memory_for_the_copy),
        cmocka_unit_test(no_addresses_for_the_copy),
        cmocka_unit_test(no_addresses_for_the_second_mapping),
        cmocka_unit_test(a_kernel_that_does_not_move_the_copy),
        cmocka_unit_test(a_kernel_that_takes_the_arena_and_does_not_move),
        cmocka_unit_test(what_is_in_place_stays_when_a_later_copy_fails),
        cmocka_unit_test(copies_take_half_of_the_mappings_that_are_left),
        cmocka_unit_test(another_thread_keeps_copies_away_as_long_as_it_lives),
        cmocka_unit_test(a_ring_keeps_copies_away_as_long_as_it_is_open),
        cmocka_unit_test(pinned_memory_is_not_copied),
        cmocka_unit_test(descriptors_that_are_not_told_may_be_rings),
        cmocka_unit_test(a_kernel_without_statx_counts_threads_too),
        cmocka_unit_test(without_proc_nobody_knows_about_threads),
    };
    return gf_test_each_in_child(tests, sizeof tests / sizeof *tests);
}
