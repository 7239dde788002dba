/* glibc links pthread_atfork into each object, out of libc_nonshared.a (nptl/pthread_atfork.c). zig
 * takes libpthread's, which old programs have, and with it libpthread. */
#include <features.h>
#ifdef __GLIBC__
#include <pthread.h>
#include <stddef.h>

int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void),
                      void *object);

/* NULL: the object that handlers leave with; this one is never unloaded. */
int pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void)) {
    return __register_atfork(prepare, parent, child, NULL);
}
#else
typedef int gf_nothing_to_add;
#endif
