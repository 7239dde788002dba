/* A server that is certain to end with us, whatever it does: daemons, sessions of their own,
 * workers that hang.
 *
 * A process of ours stands between, the keeper: orphans of the server become its children
 * (PR_SET_CHILD_SUBREAPER), and when it is told to stop, or we die, it ends all of them. */
#ifndef GF_CLI_SERVER_H
#define GF_CLI_SERVER_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

/* A variable of the server's environment; a value of NULL removes it. */
struct gf_variable {
    const char *name, *value;
};

struct gf_server {
    pid_t keeper; /* the server's processes are its descendants */
    int output;   /* what they write to stdout and stderr */
    struct gf_server_shared *shared;
};

/* `variables` end with a row without a name. Call it with one thread only. False with errno. */
bool gf_server_start(char **command, const struct gf_variable *variables, struct gf_server *ret);

/* Nothing of it is left? Then *ret_status is its first process's, as wait(2) has it. */
bool gf_server_ended(struct gf_server *server, int *ret_status);

/* Ends it: as Ctrl-C would, and after five seconds with SIGKILL; at once when `hurry` (a
 * descriptor, or -1) becomes readable. Returns when nothing is left. */
void gf_server_stop(struct gf_server *server, int hurry);

/* The last `lines` lines of its output that begin with `prefix`, each after four spaces. */
void gf_server_last_words(const struct gf_server *server, const char *prefix, int lines,
                          FILE *stream);

void gf_server_release(struct gf_server *server);

#endif
