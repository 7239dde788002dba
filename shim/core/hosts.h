/* Which programs are known to load an application and then to fork workers: the rows of hosts.def.
 * No state; any phase. */
#ifndef GF_CORE_HOSTS_H
#define GF_CORE_HOSTS_H

#include <stdbool.h>

#include "process/self.h"

/* argv is as the program was given it; before it overwrites that. */
bool gf_hosts_know(const struct gf_self *self, int argc, char *const *argv);

#endif
