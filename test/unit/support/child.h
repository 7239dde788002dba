/* Tests that may crash, hang or change the process run in a child of their own. */
#ifndef GF_TEST_CHILD_H
#define GF_TEST_CHILD_H

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* Runs each test in a forked child, so that static state never leaks from one to the next and a
 * crash is one failed test. Returns the number of tests that failed: main's result. */
int gf_test_each_in_child(const struct CMUnitTest *tests, size_t count);

/* Runs body(argument) in a forked child and returns its wait status; the child exits with 0 if
 * `body` returns. What it writes to stderr ends up in `text`, terminated. A child that hangs is
 * killed by SIGALRM. In `body` use GF_CHILD_CHECK, not cmocka's assertions. */
int gf_test_child(void (*body)(void *argument), void *argument, char *text, size_t size);

/* In a child of gf_test_child: ends it with a line on stderr if the condition does not hold. */
#define GF_CHILD_CHECK(condition)                                                                  \
    ((condition) ? (void)0 : gf_test_child_failed(__FILE__, __LINE__, #condition))
_Noreturn void gf_test_child_failed(const char *file, int line, const char *condition);

/* The child ended by itself and nothing was wrong. */
#define assert_child_succeeded(status, text)                                                       \
    do {                                                                                           \
        const int wait_status = (status);                                                          \
        if (wait_status != 0)                                                                      \
            print_error("wait status %#x: %s\n", (unsigned)wait_status, (text));                   \
        assert_int_equal(wait_status, 0);                                                          \
    } while (0)

#endif
