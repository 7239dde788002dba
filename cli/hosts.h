/* Which host a command is, and what its settings say: the columns of hosts.def that the library
 * does not need. */
#ifndef GF_CLI_HOSTS_H
#define GF_CLI_HOSTS_H

#include <sys/types.h>

#include "core/hosts.h"
#include "words.h"

struct gf_recognized {
    const struct gf_host_row *row; /* NULL: it is not in the list */
    struct gf_self self;           /* what it is called */
    struct gf_words words;         /* its command from its name on, and what its settings add */
    enum gf_preloads preloads;
    int because; /* the word that decides about that, 0: none */
    bool forks;  /* a PREFORK row's arguments make it start workers */
};

/* Finds the host in a command: the first word from the left that is, with the rest as its
 * arguments, a program of a row. Reads the files and variables that its arguments are also taken
 * from. Without a row `self` is what the command begins with. */
void gf_recognize(char *const *command, struct gf_recognized *ret);

/* The row of a running process, by its command line alone; NULL: none. */
const struct gf_host_row *gf_recognize_process(pid_t pid);

/* What its users can do to share memory; "" for nothing. */
const char *gf_host_advice(const struct gf_host_row *row);

/* The commands that a SUPERVISES host is told to start, by name. Returns how many; 0: its files
 * name none, or cannot be read. */
size_t gf_recognized_starts(const struct gf_recognized *host,
                            void (*take)(const char *name, const char *command, void *context),
                            void *context);

void gf_recognized_release(struct gf_recognized *host);

#endif
