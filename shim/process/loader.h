/* The dynamic linker: everything that this library asks it, and when it may be asked at all.
 *
 * The linker's lists have locks, and a child that is forked while another thread is inside of one
 * inherits it taken, for ever. glibc's fork resets one of them in the child (dl_load_lock: dlsym,
 * dladdr) and not the other (dl_load_write_lock: dl_iterate_phdr, dlopen; 2.28 to 2.43,
 * posix/fork.c), and _Fork and clone reset none. So the rule is:
 *
 *   In a process that was forked while its parent had other threads, or in a way that we did not
 *   see, nothing of ours asks the linker, ever, and nothing does in its descendants.
 *
 * All calls are in loader.c (style.includes checks that), and there they answer like a linker that
 * knows nothing. And a fork waits until no thread of ours is inside, so that the application's own
 * calls in the child find no lock that is taken because of us.
 */
#ifndef GF_PROCESS_LOADER_H
#define GF_PROCESS_LOADER_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* From now on forks are watched (pthread_atfork, which daemon(3) calls, too); before, the linker
 * may be asked. `self`: this process. Phase: load, once, before any other handler of ours is
 * registered: this one then is the last to run before a fork. */
void gf_loader_start(pid_t self);

/* May it be asked in this process? One system call; any phase. */
bool gf_loader_answers(void);

/* Was this process made by libc's fork, whoever called it? Its memory then is its own. One system
 * call; any phase. */
bool gf_loader_saw_fork(void);

/* Around a child that shares this process's memory while the calling thread waits for it (vfork),
 * and asks in its place. Phase: attach. */
void gf_loader_lend(bool to_child);

/* What follows takes the linker's locks for a moment, and waits for a fork of another thread to be
 * over, at most for a second. Phase: load, attach, before hook, fork window; never from a signal
 * handler. In a child that may not ask they return at once. */

/* dl_iterate_phdr; 0 if nothing may be asked. */
int gf_loader_objects(int (*visit)(struct dl_phdr_info *object, size_t size, void *context),
                      void *context);

/* dlopen with RTLD_NOW | RTLD_LOCAL, and dlsym; NULL also if nothing may be asked. `handle`: NULL
 * for the next object behind this library (RTLD_NEXT). */
void *gf_loader_open(const char *library);
void *gf_loader_symbol(void *handle, const char *name);

/* dlvsym behind this library; glibc's alone. */
void *gf_loader_symbol_of(const char *name, const char *version);

/* dladdr: where the loaded object begins that an address belongs to, and in *ret_name (may be NULL)
 * its file name. NULL if there is none, or nothing may be asked. */
const void *gf_loader_object_of(const void *address, const char **ret_name);

/* The name of the exported function that an address belongs to; NULL as above. */
const char *gf_loader_function_of(const void *address);

#endif
