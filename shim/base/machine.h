/* The processor by the name that libunwind has for it, which is uname(2)'s. */
#ifndef GF_BASE_MACHINE_H
#define GF_BASE_MACHINE_H

#if defined(__x86_64__)
#define GF_MACHINE "x86_64"
#elif defined(__aarch64__)
#define GF_MACHINE "aarch64"
#else
#error "this processor is not known: process/registers.h has rows for it, too"
#endif

/* The flavour for other processes (process/unwind.h). */
#define GF_UNWIND_LIBRARY "libunwind-" GF_MACHINE ".so.8"

#endif
