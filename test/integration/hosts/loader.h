/* Threads that hold the dynamic linker's lock while their process forks, as a profiler's or a
 * thrown C++ exception's may. glibc leaves that lock taken in the child (fork.c: dl_load_write_lock
 * is not among those that are reset), so whatever asks for it there waits for ever. */
#ifndef LOADER_H
#define LOADER_H

/* From now on each fork of this process, but none of its children's, happens while a thread is
 * inside of dl_iterate_phdr: for certain, once, however the fork is made. */
void loader_hold_at_forks(void);

/* The same for a child that libc does not make: around the call, and in the child. */
void loader_before_fork(void);
void loader_after_fork(void);
void loader_in_child(void);

/* Threads that are inside of dl_iterate_phdr for nearly all of the time. */
void loader_crowd(int threads);

/* Asks the dynamic linker, as an application may. */
void loader_ask(void);

#endif
