#include "support/deny.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "support/child.h"

static void install(long number, unsigned argument, uint16_t test, uint32_t value, int error) {
    const uint32_t low = (uint32_t)offsetof(struct seccomp_data, args) + 8 * argument;
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, low),
        BPF_JUMP((uint16_t)(BPF_JMP | BPF_K | test), value, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0) {
        fprintf(stderr, "seccomp is needed for this test\n");
        _exit(1);
    }
}

void gf_deny(long number, int error) {
    install(number, 0, BPF_JGE, 0, error);
}

void gf_deny_bits(long number, unsigned argument, uint32_t bits, int error) {
    install(number, argument, BPF_JSET, bits, error);
}

void gf_deny_value(long number, unsigned argument, uint32_t value, int error) {
    install(number, argument, BPF_JEQ, value, error);
}

/* Its /proc belongs to root then; but root may read everything, and must be another user for that.
 */
void gf_deny_pagemap(void) {
    if (geteuid() == 0 && setuid(65534) != 0)
        skip();
    assert_int_equal(prctl(PR_SET_DUMPABLE, 0), 0);
}
