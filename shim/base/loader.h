/* dlopen and dlsym, bound to the version that every glibc since 2.2.5 has.
 *
 * glibc 2.34 moved both from libdl into libc under a new version. Without this, a library built
 * there would not load on an older system. There libdl is a library of its own, so it is linked as
 * one; on newer systems it is an empty shell.
 */
#ifndef GF_BASE_LOADER_H
#define GF_BASE_LOADER_H

#include <dlfcn.h>

#if defined(__GLIBC__) && defined(__x86_64__)
__asm__(".symver dlopen,dlopen@GLIBC_2.2.5");
__asm__(".symver dlsym,dlsym@GLIBC_2.2.5");
#endif

#endif
