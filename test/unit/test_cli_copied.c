/* What a child has copied, and what is new in it, where the numbers of pages are known. */
#include "support/child.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "copied.h"

/* More than what a fork makes a child copy besides: its stack, libc's variables. */
enum { INHERITED = 4000, COPIED = 1500, TAKEN = 900, BESIDES = 100 };

static const struct gf_snapshots nothing;

static size_t page(void) {
    return (size_t)sysconf(_SC_PAGESIZE);
}

static char *mapped(int pages, int file) {
    void *memory = mmap(NULL, (size_t)pages * page(), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | (file < 0 ? MAP_ANONYMOUS : 0), file, 0);
    assert_ptr_not_equal(memory, MAP_FAILED);
    return memory;
}

static void write_to(char *memory, int pages) {
    for (int i = 0; i < pages; i++)
        memory[(size_t)i * page()] = 1;
}

/* A child that writes to so many pages of `memory` and takes as many others, and stays. */
static pid_t start(char *memory, int copied, int taken) {
    int ends[2];
    char byte;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        alarm(120);
        write_to(memory, copied);
        write_to(mapped(taken + 1, -1), taken);
        if (write(ends[1], "x", 1) == 1)
            for (;;)
                pause();
        _exit(1);
    }
    assert_true(child > 0);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    close(ends[0]);
    close(ends[1]);
    return child;
}

static void end(pid_t child) {
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static long pages_copied(pid_t child, const struct gf_snapshots *inherited) {
    long kib = -1;
    assert_true(gf_copied_read(child, getpid(), inherited, &kib));
    return kib / (long)(page() / 1024);
}

static void what_the_parent_has_too_was_copied(void **state) {
    (void)state;
    char *memory = mapped(INHERITED, -1);
    write_to(memory, INHERITED);
    pid_t child = start(memory, COPIED, TAKEN);
    assert_in_range(pages_copied(child, &nothing), COPIED, COPIED + BESIDES);
    end(child);
    child = start(memory, 0, TAKEN);
    assert_in_range(pages_copied(child, &nothing), 0, BESIDES);
    end(child);
}

static void what_the_parent_never_touched_was_not(void **state) {
    (void)state;
    char *memory = mapped(INHERITED, -1);
    write_to(memory, COPIED / 2);
    pid_t child = start(memory, COPIED, 0);
    assert_in_range(pages_copied(child, &nothing), COPIED / 2, COPIED / 2 + BESIDES);
    end(child);
}

/* All pages of a copy of arenas have been its parent's. */
static void copies_of_arenas_are_the_parents_if_it_has_them(void **state) {
    struct gf_maps maps;
    (void)state;
    int file = memfd_create("gcfreeze", MFD_CLOEXEC);
    assert_int_equal(ftruncate(file, (off_t)(INHERITED * page())), 0);
    char *memory = mapped(INHERITED, file);
    pid_t child = start(memory, COPIED, 0);
    assert_true(gf_maps_read(getpid(), &maps));
    assert_int_equal(maps.snapshots.count, 1);
    assert_in_range(pages_copied(child, &maps.snapshots), COPIED, COPIED + BESIDES);
    assert_in_range(pages_copied(child, &nothing), 0, BESIDES);
    end(child);
    gf_snapshots_release(&maps.snapshots);
}

static void shared_memory_is_nobodys_copy(void **state) {
    (void)state;
    char *memory =
        mmap(NULL, INHERITED * page(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(memory, MAP_FAILED);
    write_to(memory, INHERITED);
    pid_t child = start(memory, COPIED, 0);
    assert_in_range(pages_copied(child, &nothing), 0, BESIDES);
    end(child);
}

static void who_is_gone_is_an_error(void **state) {
    long kib = 7;
    (void)state;
    pid_t child = start(NULL, 0, 0);
    kill(child, SIGKILL);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
    assert_false(gf_copied_read(child, getpid(), &nothing, &kib)); /* a zombie */
    waitpid(child, NULL, 0);
    assert_false(gf_copied_read(child, getpid(), &nothing, &kib));
    assert_true(errno == ENOENT || errno == ESRCH);
    assert_false(gf_copied_read(getpid(), child, &nothing, &kib));
    assert_int_equal(kib, 7);
}

static void too_many_addresses_are_an_error(void **state) {
    long kib = 7;
    (void)state;
    void *reserved = mmap(NULL, (size_t)65 << 30, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_ptr_not_equal(reserved, MAP_FAILED);
    assert_false(gf_copied_read(getpid(), getppid(), &nothing, &kib));
    assert_int_equal(errno, EFBIG);
    assert_int_equal(kib, 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_parent_has_too_was_copied),
        cmocka_unit_test(what_the_parent_never_touched_was_not),
        cmocka_unit_test(copies_of_arenas_are_the_parents_if_it_has_them),
        cmocka_unit_test(shared_memory_is_nobodys_copy),
        cmocka_unit_test(who_is_gone_is_an_error),
        cmocka_unit_test(too_many_addresses_are_an_error),
    };
    return gf_test_each_in_child(tests, sizeof tests / sizeof *tests);
}
