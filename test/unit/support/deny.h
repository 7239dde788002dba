/* A kernel that refuses a system call: what old ones and sandboxes do. */
#ifndef GF_TEST_DENY_H
#define GF_TEST_DENY_H

#include <stdint.h>

/* From now on this process's calls of `number` fail with `error`. Ends the process with a line on
 * stderr if the kernel has no seccomp. */
void gf_deny(long number, int error);

/* The same, where the argument of that index, counted from 0, has one of these bits. */
void gf_deny_bits(long number, unsigned argument, uint32_t bits, int error);

/* The same, where that argument is `value`. */
void gf_deny_value(long number, unsigned argument, uint32_t value, int error);

/* From now on this process may not read its own pagemap, as one that gave root up. Skips the test
 * if root may be nobody else here. */
void gf_deny_pagemap(void);

#endif
