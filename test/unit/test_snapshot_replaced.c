/* Copies that are taken anew when nobody else has them any more. */
#include "support/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pages/arenas.h"
#include "pages/pagemap.h"
#include "pages/snapshot.h"
#include "support/arena.h"
#include "support/deny.h"

enum { KB = 1024, MB = 1024 * KB, SIZE = 2 * MB, ARENA = 256 * KB, ARENAS = SIZE / ARENA };

/* ---- time goes by as a test says, or copying takes it ---- */

static int64_t now_us = 1000, tick_us;

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret) {
    (void)clock;
    now_us += tick_us;
    *ret = (struct timespec){.tv_sec = now_us / 1000000, .tv_nsec = now_us % 1000000 * 1000};
    return 0;
}

static size_t take(void) {
    size_t bytes = 0;
    now_us += 1000000;
    assert_int_equal(gf_snapshot_take(&bytes), GCFREEZE_REASON_NONE);
    return bytes;
}

/* ---- memory ---- */

static char value(size_t offset) {
    return (char)(offset / KB * 7 + offset % 251 + 1);
}

/* Arenas of one copy. */
static char *copied_arenas(void) {
    char *memory = mmap(NULL, 2 * SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED);
    memory += -(uintptr_t)memory & (SIZE - 1);
    for (size_t i = 0; i < SIZE; i++)
        memory[i] = value(i);
    assert_true(gf_arenas_open());
    for (size_t offset = 0; offset < SIZE; offset += ARENA)
        gf_arenas_add(memory + offset, ARENA);
    assert_int_equal(take(), SIZE);
    assert_int_equal(gf_arena_mappings("/memfd:gcfreeze"), 2);
    return memory;
}

static void change(char *memory, size_t from, size_t end) {
    for (size_t i = from; i < end; i++)
        memory[i] = (char)~value(i);
}

static bool is_changed(const char *memory, size_t from, size_t end) {
    for (size_t i = 0; i < SIZE; i++) {
        const char expected = i >= from && i < end ? (char)~value(i) : value(i);
        if (memory[i] != expected)
            return false;
    }
    return true;
}

static size_t own_bytes(const char *memory) {
    int pagemap = gf_pagemap_open();
    assert_true(pagemap >= 0);
    size_t bytes = gf_pagemap_copies(pagemap, memory, memory + SIZE);
    gf_pagemap_close(pagemap);
    return bytes;
}

/* Bytes of all copies that this process has: each is mapped once for reading. */
static size_t originals(void) {
    size_t position = 0, bytes = 0;
    const struct gf_arena *arena;
    while ((arena = gf_arenas_next(&position)) != NULL)
        bytes += arena->original ? gf_arena_size(arena) : 0;
    return bytes;
}

/* ---- what is replaced ---- */

static void what_has_changed_is_copied_anew(void **state) {
    (void)state;
    char *memory = copied_arenas();
    change(memory, 0, SIZE / 2);
    assert_int_equal(own_bytes(memory), SIZE / 2);
    assert_int_equal(take(), SIZE);
    assert_int_equal(own_bytes(memory), 0);
    assert_int_equal(gf_arena_mappings("/memfd:gcfreeze"), 2);
    assert_true(is_changed(memory, 0, SIZE / 2));
    for (size_t offset = 0; offset < SIZE; offset += ARENA) {
        const char *original = gf_arenas_find(memory + offset)->original;
        assert_int_equal(memcmp(original, memory + offset, ARENA), 0);
    }
    assert_int_equal(take(), 0);
}

static void what_has_hardly_changed_is_not(void **state) {
    (void)state;
    char *memory = copied_arenas();
    change(memory, SIZE / 4, SIZE / 4 + SIZE / 9);
    assert_int_equal(take(), 0);
    assert_true(own_bytes(memory) > 0);
}

static void reading_changes_nothing(void **state) {
    (void)state;
    char *memory = copied_arenas();
    assert_true(is_changed(memory, 0, 0));
    assert_int_equal(own_bytes(memory), 0);
    assert_int_equal(take(), 0);
}

static void what_was_freed_goes_back_when_the_rest_is_copied_anew(void **state) {
    (void)state;
    char *memory = copied_arenas();
    for (size_t i = 0; i < ARENAS; i++) {
        if (i == 2 || i == 3 || i == 6)
            continue;
        gf_arenas_remove(memory + i * ARENA);
        assert_int_equal(munmap(memory + i * ARENA, ARENA), 0);
    }
    assert_int_equal(take(), 3 * ARENA);
    assert_int_equal(originals(), 3 * ARENA);
    assert_int_equal(gf_arena_mappings("/memfd:gcfreeze"), 4);
    for (size_t i = 2 * ARENA; i < 4 * ARENA; i++)
        assert_int_equal(memory[i], value(i));
    for (size_t i = 6 * ARENA; i < 7 * ARENA; i++)
        assert_int_equal(memory[i], value(i));
    assert_int_equal(take(), 0);
}

static void an_arena_that_came_to_a_freed_place_has_a_copy_of_its_own(void **state) {
    (void)state;
    char *memory = copied_arenas();
    gf_arenas_remove(memory);
    assert_int_equal(munmap(memory, ARENA), 0);
    assert_true(mmap(memory, ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
                     -1, 0) == memory);
    change(memory, 0, ARENA);
    gf_arenas_add(memory, ARENA);
    assert_int_equal(take(),
                     ARENA + SIZE - ARENA); /* the new one, and the rest: an eighth is gone */
    assert_true(is_changed(memory, 0, ARENA));
    assert_int_equal(take(), 0);
}

static void older_kernels_tell_what_has_changed_too(void **state) {
    (void)state;
    char *memory = copied_arenas();
    change(memory, 0, SIZE / 2);
    gf_deny(SYS_ioctl, ENOTTY);
    assert_int_equal(take(), SIZE);
    assert_true(is_changed(memory, 0, SIZE / 2));
    assert_int_equal(take(), 0);
}

/* ---- what is not ---- */

static void while_there_is_a_child_nothing_is(void **state) {
    (void)state;
    char *memory = copied_arenas();
    change(memory, 0, SIZE);
    pid_t pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    assert_false(gf_snapshot_may_be_replaced());
    assert_int_equal(take(), 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_true(gf_snapshot_may_be_replaced());
    assert_int_equal(take(), SIZE);
}

static void a_child_is_not_taken_from_who_waits_for_it(void **state) {
    (void)state;
    copied_arenas();
    pid_t pid = fork();
    if (pid == 0)
        _exit(7);
    int status = 0;
    siginfo_t ended;
    assert_int_equal(waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOWAIT), 0);
    take();
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), 7);
}

static void check_inherited(void *argument) {
    char *memory = argument;
    change(memory, 0, SIZE);
    now_us += 1000000;
    GF_CHILD_CHECK(!gf_snapshot_may_be_replaced());
    size_t bytes = 0;
    char *arena = gf_arena_new();
    GF_CHILD_CHECK(gf_snapshot_take(&bytes) == GCFREEZE_REASON_NONE && bytes == gf_arena_bytes());
    gf_arena_touch_all(arena);
    now_us += 1000000;
    GF_CHILD_CHECK(gf_snapshot_may_be_replaced());
    GF_CHILD_CHECK(gf_snapshot_take(&bytes) == GCFREEZE_REASON_NONE);
    GF_CHILD_CHECK(bytes == 2 * gf_arena_bytes()); /* its own, and not what its parent has */
    GF_CHILD_CHECK(is_changed(memory, 0, SIZE) && gf_arena_is_as_new(arena));
}

static void what_a_child_has_inherited_is_its_parent_s(void **state) {
    char text[512];
    (void)state;
    char *memory = copied_arenas();
    assert_child_succeeded(gf_test_child(check_inherited, memory, text, sizeof text), text);
    assert_true(is_changed(memory, 0, 0));
}

static void a_process_that_may_not_see_its_pages_replaces_none(void **state) {
    (void)state;
    char *memory = copied_arenas();
    change(memory, 0, SIZE);
    gf_deny_pagemap();
    assert_int_equal(take(), 0);
    assert_true(is_changed(memory, 0, SIZE));
}

static void where_nobody_tells_about_children_there_may_be_some(void **state) {
    (void)state;
    char *memory = copied_arenas();
    change(memory, 0, SIZE);
    gf_deny(SYS_waitid, EPERM);
    assert_int_equal(take(), 0);
}

static void what_cannot_be_replaced_is_as_good_as_before(void **state) {
    (void)state;
    char *memory = copied_arenas();
    const char *original = gf_arenas_find(memory)->original;
    change(memory, 0, SIZE / 2);
    gf_deny(SYS_memfd_create, ENOSYS);
    assert_int_equal(take(), 0);
    assert_true(is_changed(memory, 0, SIZE / 2));
    assert_ptr_equal(gf_arenas_find(memory)->original, original);
    for (size_t i = 0; i < ARENA; i++)
        assert_int_equal(original[i], value(i));
}

static void it_takes_one_part_in_fifty_of_the_time(void **state) {
    (void)state;
    tick_us = 100;
    char *memory = copied_arenas();
    tick_us = 0;
    now_us += 1000000000;
    assert_true(gf_snapshot_may_be_replaced());
    change(memory, 0, SIZE);
    tick_us = 100;
    const int64_t start = now_us;
    size_t bytes = 0;
    assert_int_equal(gf_snapshot_take(&bytes), GCFREEZE_REASON_NONE);
    assert_int_equal(bytes, SIZE);
    const int64_t took = now_us - start, end = now_us;
    tick_us = 0;
    while (!gf_snapshot_may_be_replaced())
        now_us += 10;
    assert_true(now_us - end >= 40 * took && now_us - end <= 50 * took);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_has_changed_is_copied_anew),
        cmocka_unit_test(what_has_hardly_changed_is_not),
        cmocka_unit_test(reading_changes_nothing),
        cmocka_unit_test(what_was_freed_goes_back_when_the_rest_is_copied_anew),
        cmocka_unit_test(an_arena_that_came_to_a_freed_place_has_a_copy_of_its_own),
        cmocka_unit_test(older_kernels_tell_what_has_changed_too),
        cmocka_unit_test(while_there_is_a_child_nothing_is),
        cmocka_unit_test(a_child_is_not_taken_from_who_waits_for_it),
        cmocka_unit_test(what_a_child_has_inherited_is_its_parent_s),
        cmocka_unit_test(a_process_that_may_not_see_its_pages_replaces_none),
        cmocka_unit_test(where_nobody_tells_about_children_there_may_be_some),
        cmocka_unit_test(what_cannot_be_replaced_is_as_good_as_before),
        cmocka_unit_test(it_takes_one_part_in_fifty_of_the_time),
    };
    return gf_test_each_in_child(tests, sizeof tests / sizeof *tests);
}
