/* Which pages are copies, asked in both ways that kernels offer. */
#include "support/child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pages/pagemap.h"
#include "support/arena.h"
#include "support/deny.h"

enum { PAGES = 1000 };

/* A private mapping of a file whose pages are all different from what is written to them. */
static char *map_file(void) {
    int file = memfd_create("test", MFD_CLOEXEC);
    assert_true(file >= 0);
    assert_int_equal(ftruncate(file, (off_t)(PAGES * gf_page_size())), 0);
    char *memory = mmap(NULL, PAGES * gf_page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    assert_true(memory != MAP_FAILED);
    close(file);
    return memory;
}

/* All copies between two pages, as runs tell. */
static void expect_copies(char *memory, size_t from, size_t end, const bool *copied) {
    int descriptor = gf_pagemap_open();
    assert_true(descriptor >= 0);
    bool found[PAGES] = {false};
    char *position = memory + from * gf_page_size();
    struct gf_run run = {NULL, 0, 0};
    int error = -1;
    while (gf_pagemap_next(descriptor, position, memory + end * gf_page_size(), &run, &error)) {
        assert_int_equal(error, 0);
        assert_true(run.start >= position);
        assert_true(run.size > 0 && run.size % gf_page_size() == 0);
        assert_in_range(run.size, 1, GF_RUN_PAGES * gf_page_size());
        size_t first = (size_t)(run.start - memory) / gf_page_size();
        size_t pages = run.size / gf_page_size();
        assert_true(first + pages <= end);
        assert_true(run.copies & 1);
        assert_int_equal(run.copies >> (pages - 1), 1); /* the last one is, and none behind it */
        for (size_t i = 0; i < pages; i++)
            found[first + i] = run.copies >> i & 1;
        position = run.start + run.size;
    }
    assert_int_equal(error, 0);
    gf_pagemap_close(descriptor);
    for (size_t i = 0; i < PAGES; i++)
        assert_int_equal(found[i], i >= from && i < end && copied[i]);
}

static void find_random_copies(void) {
    for (unsigned seed = 1; seed < 40; seed++) {
        bool copied[PAGES] = {false};
        char *memory = map_file();
        volatile char sum = 0;
        srandom(seed);
        for (size_t i = 0; i < PAGES;) { /* stretches of copies, read pages and untouched ones */
            size_t stretch = 1 + (size_t)random() % (seed % 2 ? 3 : 150);
            long kind = random() % 3;
            for (; stretch > 0 && i < PAGES; stretch--, i++) {
                if (kind == 0)
                    sum = (char)(sum + memory[i * gf_page_size()]);
                else if (kind == 1)
                    memory[i * gf_page_size()] = 1;
                copied[i] = kind == 1;
            }
        }
        expect_copies(memory, 0, PAGES, copied);
        size_t from = (size_t)random() % PAGES;
        expect_copies(memory, from, from + (size_t)random() % (PAGES - from), copied);
        munmap(memory, PAGES * gf_page_size());
    }
}

static void copies_are_found_by_scanning(void **state) {
    (void)state;
    find_random_copies();
}

static void copies_are_found_in_the_words_of_older_kernels(void **state) {
    (void)state;
    gf_deny(SYS_ioctl, ENOTTY);
    find_random_copies();
}

static void both_ways_find_the_same_after_a_fork(void **state) {
    (void)state;
    bool copied[PAGES] = {false};
    char *memory = map_file();
    for (size_t i = 0; i < PAGES; i += 7) {
        memory[i * gf_page_size()] = 1;
        copied[i] = true;
    }
    char text[512];
    for (int words = 0; words < 2; words++) {
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0) {
            if (words)
                gf_deny(SYS_ioctl, ENOTTY);
            expect_copies(memory, 0, PAGES, copied); /* shared with the parent, and still copies */
            memory[1 * gf_page_size()] = 1;
            copied[1] = true;
            expect_copies(memory, 0, PAGES, copied);
            _exit(0);
        }
        int status = -1;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        snprintf(text, sizeof text, "words: %d", words);
        assert_child_succeeded(status, text);
    }
    expect_copies(memory, 0, PAGES, copied);
}

static void a_dropped_page_is_no_copy_any_more(void **state) {
    (void)state;
    bool copied[PAGES] = {false};
    char *memory = map_file();
    memset(memory, 1, 5 * gf_page_size());
    for (size_t i = 0; i < 5; i++)
        copied[i] = i != 2;
    assert_int_equal(madvise(memory + 2 * gf_page_size(), gf_page_size(), MADV_DONTNEED), 0);
    expect_copies(memory, 0, PAGES, copied);
}

/* The first run of a mapping with these pages. Nobody else has: what a page brings with it are
 * pages that the file has by then. */
static struct gf_run first_run(const size_t *copied, size_t copies, const size_t *read,
                               size_t reads) {
    char *memory = map_file();
    volatile char sum = 0;
    struct gf_run run = {NULL, 0, 0};
    int error = -1, descriptor = gf_pagemap_open();
    for (size_t i = 0; i < copies; i++)
        memory[copied[i] * gf_page_size()] = 1;
    for (size_t i = 0; i < reads; i++)
        sum = (char)(sum + memory[read[i] * gf_page_size()]);
    assert_true(gf_pagemap_next(descriptor, memory, memory + PAGES * gf_page_size(), &run, &error));
    assert_int_equal(error, 0);
    run.start = run.start - memory + (char *)0;
    gf_pagemap_close(descriptor);
    return run;
}

static void pages_that_were_read_join_copies(void **state) {
    (void)state;
    const size_t copied[] = {100, 105, 111}, read[] = {101, 102, 103, 104, 106, 107, 108, 109, 110};
    struct gf_run run = first_run(copied, 3, read, 9);
    assert_int_equal((size_t)run.start, 100 * gf_page_size());
    assert_int_equal(run.size, 6 * gf_page_size()); /* five between two are too many */
    assert_int_equal(run.copies, 1 | 1 << 5);
}

static void pages_that_are_not_there_do_not(void **state) {
    (void)state;
    const size_t copied[] = {100, 102}, read[] = {99};
    struct gf_run run = first_run(copied, 2, read, 1);
    assert_int_equal((size_t)run.start, 100 * gf_page_size());
    assert_int_equal(run.size, gf_page_size());
    assert_int_equal(run.copies, 1);
}

static void where_the_pagemap_is_closed_every_page_may_be_a_copy(void **state) {
    (void)state;
    char *memory = map_file(), *end = memory + PAGES * gf_page_size();
    gf_deny_pagemap();
    const int descriptor = gf_pagemap_open();
    assert_int_equal(descriptor, GF_PAGEMAP_CLOSED);
    struct gf_run run = {NULL, 0, 0};
    int error = -1;
    for (char *from = memory; from < end; from += run.size) {
        size_t left = (size_t)(end - from), most = GF_RUN_PAGES * gf_page_size();
        assert_true(gf_pagemap_next(descriptor, from, end, &run, &error));
        assert_int_equal(error, 0);
        assert_ptr_equal(run.start, from);
        assert_int_equal(run.size, left < most ? left : most);
        assert_true(run.copies == UINT64_MAX);
    }
    assert_false(gf_pagemap_next(descriptor, end, end, &run, &error));
    assert_int_equal(error, 0);
    gf_pagemap_close(descriptor);
}

static void without_proc_the_pagemap_is_not_closed_but_missing(void **state) {
    (void)state;
    gf_deny(SYS_openat, ENOENT);
    assert_int_equal(gf_pagemap_open(), -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(gf_pagemap_own_pages(), -1);
}

/* The kernel counts some of them later. */
static void pages_of_files_are_not_the_process_s_own(void **state) {
    (void)state;
    char *memory = map_file();
    volatile char sum = 0;
    memset(memory, 1, PAGES * gf_page_size()); /* what a sanitizer notes is there from now on */
    assert_int_equal(madvise(memory, PAGES * gf_page_size(), MADV_DONTNEED), 0);
    const long before = gf_pagemap_own_pages();
    for (size_t i = 0; i < PAGES; i++)
        sum = (char)(sum + memory[i * gf_page_size()]);
    assert_in_range(gf_pagemap_own_pages() - before + PAGES / 2, 0, PAGES);
    memset(memory, 1, PAGES * gf_page_size());
    assert_in_range(gf_pagemap_own_pages() - before, PAGES / 2, PAGES * 3 / 2);
}

static void an_error_is_told(void **state) {
    (void)state;
    char *memory = map_file();
    struct gf_run run = {NULL, 0, 0};
    int error = 0;
    assert_false(gf_pagemap_next(-1, memory, memory + gf_page_size(), &run, &error));
    assert_int_equal(error, EBADF);
    assert_null(run.start);
}

static void a_kernel_that_answers_less_than_was_asked_is_an_error(void **state) {
    (void)state;
    struct gf_run run = {NULL, 0, 0};
    int error = 0, empty = memfd_create("empty", MFD_CLOEXEC);
    char *memory = map_file();
    assert_false(gf_pagemap_next(empty, memory, memory + gf_page_size(), &run, &error));
    assert_int_equal(error, EIO);
}

static void no_descriptor_stays_open(void **state) {
    (void)state;
    size_t before = gf_arena_descriptors();
    int descriptor = gf_pagemap_open();
    assert_int_equal(fcntl(descriptor, F_GETFD), FD_CLOEXEC);
    gf_pagemap_close(descriptor);
    assert_int_equal(gf_arena_descriptors(), before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_are_found_by_scanning),
        cmocka_unit_test(copies_are_found_in_the_words_of_older_kernels),
        cmocka_unit_test(both_ways_find_the_same_after_a_fork),
        cmocka_unit_test(a_dropped_page_is_no_copy_any_more),
        cmocka_unit_test(pages_that_were_read_join_copies),
        cmocka_unit_test(pages_that_are_not_there_do_not),
        cmocka_unit_test(where_the_pagemap_is_closed_every_page_may_be_a_copy),
        cmocka_unit_test(without_proc_the_pagemap_is_not_closed_but_missing),
        cmocka_unit_test(pages_of_files_are_not_the_process_s_own),
        cmocka_unit_test(an_error_is_told),
        cmocka_unit_test(a_kernel_that_answers_less_than_was_asked_is_an_error),
        cmocka_unit_test(no_descriptor_stays_open),
    };
    return gf_test_each_in_child(tests, sizeof tests / sizeof *tests);
}
