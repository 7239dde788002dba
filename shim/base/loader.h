/* dlopen, dlsym and dladdr, bound to the version that every glibc for this processor has.
 *
 * glibc 2.34 moved both from libdl into libc under a new version. Without this, a library built
 * there would not load on an older system. There libdl is a library of its own, so it is linked as
 * one; on newer systems it is an empty shell.
 */
#ifndef GF_BASE_LOADER_H
#define GF_BASE_LOADER_H

#include <dlfcn.h>

#if defined(__GLIBC__) && defined(__x86_64__)
#define GF_OLDEST_GLIBC "GLIBC_2.2.5"
#elif defined(__GLIBC__) && defined(__aarch64__)
#define GF_OLDEST_GLIBC "GLIBC_2.17"
#endif

#ifdef GF_OLDEST_GLIBC
__asm__(".symver dlopen,dlopen@" GF_OLDEST_GLIBC);
__asm__(".symver dlsym,dlsym@" GF_OLDEST_GLIBC);
__asm__(".symver dlvsym,dlvsym@" GF_OLDEST_GLIBC);
__asm__(".symver dladdr,dladdr@" GF_OLDEST_GLIBC);
#endif

#endif
