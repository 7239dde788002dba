/* Who this process is: its place in the family of forks, its program, its environment.
 *
 * Phase: gf_self_init at load, gf_self_kin anywhere, gf_self_child in the child (plain stores and
 * getpid), gf_self_strip_preload at attach.
 */
#ifndef GF_PROCESS_SELF_H
#define GF_PROCESS_SELF_H

#include <stdbool.h>
#include <sys/types.h>

#include "process/names.h"

enum gf_kin {
    GF_KIN_SAME,    /* the process that gf_self_init or gf_self_child saw last */
    GF_KIN_COPY,    /* a child whose fork passed us by: daemon(3), _Fork, clone */
    GF_KIN_BORROWER /* a child that runs in its parent's memory (vfork): touch nothing */
};

/* Copies the names, because programs overwrite their argv (setproctitle). NULL arguments leave them
 * empty. */
void gf_self_init(int argc, char **argv);

const struct gf_self *gf_self_names(void);

/* What an operator calls this program: the script, else the module, else the executable. */
const char *gf_self_title(void);

/* Which process are we in? Two system calls at most, and three the first time; async-signal-safe. A
 * child of a process that never asked counts as a borrower until that process has ended. */
enum gf_kin gf_self_kin(void);

/* The pid that gf_self_init or gf_self_child saw. */
pid_t gf_self_pid(void);

/* Makes the running process the one that gf_self_kin answers GF_KIN_SAME for. */
void gf_self_child(void);

/* Takes the entries of LD_PRELOAD whose file name is `name`, or `name` and a version, out of the
 * environment, so that executed programs do not inherit it. Changes the variable in place. Returns
 * whether there was one. */
bool gf_self_strip_preload(const char *name);

#endif
