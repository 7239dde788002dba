/* The registers that a walk of the stack starts from, and the header of libunwind that numbers
 * them: one of the two places that know the processor (the other is base/machine.h). */
#ifndef GF_PROCESS_REGISTERS_H
#define GF_PROCESS_REGISTERS_H

/* Types and constants only: the functions come from dlopen (unwind.c). */
#if defined(__x86_64__)
#include <libunwind-x86_64.h>
#elif defined(__aarch64__)
#include <libunwind-aarch64.h>
#else
#error "no rows for this processor"
#endif

/* The registers of the calling procedure at one point in it, by libunwind's numbers: those are
 * DWARF's, and the point comes right behind the others. */
struct gf_registers {
#if defined(__x86_64__)
    unw_word_t at[UNW_X86_64_RIP + 1];
#else
    unw_word_t at[UNW_AARCH64_PC + 1];
#endif
};

/* How what signal handlers return to begins, in every libc: libraries that inspect stacks rely on
 * it. */
static const unsigned char gf_signal_return[] = {
#if defined(__x86_64__)
    0x48, 0xc7, 0xc0, 0x0f, 0x00, 0x00, 0x00, /* mov $SYS_rt_sigreturn, %rax */
    0x0f, 0x05,                               /* syscall */
#else
    0x68, 0x11, 0x80, 0xd2, /* mov x8, #SYS_rt_sigreturn */
    0x01, 0x00, 0x00, 0xd4, /* svc #0 */
#endif
};

/* Inlined, so that they are the caller's own. Not getcontext: musl has none. Any phase. */
static inline __attribute__((always_inline)) void gf_registers_read(struct gf_registers *ret) {
    unw_word_t here;
#if defined(__x86_64__)
    __asm__ volatile("movq %%rax,   0(%1)\n\t"
                     "movq %%rdx,   8(%1)\n\t"
                     "movq %%rcx,  16(%1)\n\t"
                     "movq %%rbx,  24(%1)\n\t"
                     "movq %%rsi,  32(%1)\n\t"
                     "movq %%rdi,  40(%1)\n\t"
                     "movq %%rbp,  48(%1)\n\t"
                     "movq %%rsp,  56(%1)\n\t"
                     "movq %%r8,   64(%1)\n\t"
                     "movq %%r9,   72(%1)\n\t"
                     "movq %%r10,  80(%1)\n\t"
                     "movq %%r11,  88(%1)\n\t"
                     "movq %%r12,  96(%1)\n\t"
                     "movq %%r13, 104(%1)\n\t"
                     "movq %%r14, 112(%1)\n\t"
                     "movq %%r15, 120(%1)\n"
                     "0:\tleaq 0b(%%rip), %0\n\t"
                     "movq %0, 128(%1)"
                     : "=&r"(here)
                     : "r"(ret->at)
                     : "memory");
#else
    __asm__ volatile("stp x0, x1, [%1]\n\t"
                     "stp x2, x3, [%1, 16]\n\t"
                     "stp x4, x5, [%1, 32]\n\t"
                     "stp x6, x7, [%1, 48]\n\t"
                     "stp x8, x9, [%1, 64]\n\t"
                     "stp x10, x11, [%1, 80]\n\t"
                     "stp x12, x13, [%1, 96]\n\t"
                     "stp x14, x15, [%1, 112]\n\t"
                     "stp x16, x17, [%1, 128]\n\t"
                     "stp x18, x19, [%1, 144]\n\t"
                     "stp x20, x21, [%1, 160]\n\t"
                     "stp x22, x23, [%1, 176]\n\t"
                     "stp x24, x25, [%1, 192]\n\t"
                     "stp x26, x27, [%1, 208]\n\t"
                     "stp x28, x29, [%1, 224]\n\t"
                     "mov %0, sp\n\t"
                     "stp x30, %0, [%1, 240]\n"
                     "0:\tadr %0, 0b\n\t"
                     "str %0, [%1, 256]"
                     : "=&r"(here)
                     : "r"(ret->at)
                     : "memory");
#endif
    (void)here;
}

#endif
