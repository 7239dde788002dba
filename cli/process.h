/* Processes as /proc shows them. A process that ends while it is looked at is simply not there: all
 * functions answer false for it, and that is no error. */
#ifndef GF_CLI_PROCESS_H
#define GF_CLI_PROCESS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct gf_process {
    pid_t pid, parent;
    char state;
    char command[16]; /* the kernel's name of it, cut to 15 bytes */
    uint64_t started; /* clock ticks after boot: with the pid, it names a process for ever */
    int threads;
    uint64_t minor_faults;
    uint64_t cpu_ticks; /* user and system */
    uint64_t size;      /* bytes of address space: it changes when mappings come or go */
    uint64_t stack; /* where its program's stack starts: a fork keeps it, another program has its
                       own; 0 if we may not look into the process */
};

bool gf_process_read(pid_t pid, struct gf_process *ret);

/* All processes that can be seen, by pid. Allocated; NULL with errno. */
struct gf_process *gf_process_list(size_t *ret_count);

/* The command line, its arguments separated by spaces, unprintable bytes as '?'; cut to `size`. */
bool gf_process_command_line(pid_t pid, char *buffer, size_t size);

/* Its pid as it sees itself: another one in a container. 0 if it is gone. */
pid_t gf_process_inner_pid(pid_t pid);

/* Seconds since the process was started. */
double gf_process_age(const struct gf_process *process);

#endif
