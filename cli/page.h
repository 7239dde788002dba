/* What the library did in another process: its status page (struct gcfreeze_page), read from that
 * process's memory. */
#ifndef GF_CLI_PAGE_H
#define GF_CLI_PAGE_H

#include "gcfreeze.h"

#include <stdint.h>
#include <sys/types.h>

enum gf_page_answer {
    GF_PAGE_READ,
    GF_PAGE_NOT_LOADED, /* the library is not in that process */
    GF_PAGE_CLOSED,     /* not ours to look into: another user's, or yama/ptrace_scope */
    GF_PAGE_UNKNOWN,    /* a library of another version */
    GF_PAGE_PARENTS,    /* a child whose fork passed the library by: all is its parent's */
    GF_PAGE_GONE        /* no such process */
};

/* Its address in a process whose library starts at `library` (maps.h); 0 if there is none, or if it
 * is not ours to look for. It stays where it is as long as the process runs that program. */
uint64_t gf_page_find(pid_t pid, uint64_t library);

/* Fills *ret from that address: GF_PAGE_READ, GF_PAGE_PARENTS, GF_PAGE_CLOSED, GF_PAGE_UNKNOWN or
 * GF_PAGE_GONE. */
enum gf_page_answer gf_page_fetch(pid_t pid, uint64_t address, struct gcfreeze_page *ret);

/* Why it has no address in a process that has the library: GF_PAGE_UNKNOWN, GF_PAGE_CLOSED or
 * GF_PAGE_GONE. */
enum gf_page_answer gf_page_answer_without(pid_t pid, uint64_t library);

/* All of it, once. Fills *ret for GF_PAGE_READ and GF_PAGE_PARENTS; fields that an older library
 * does not have are zero, and the version is nothing but letters, digits and ".+-_?". */
enum gf_page_answer gf_page_read(pid_t pid, struct gcfreeze_page *ret);

#endif
