/* Which programs are known to load an application and then to fork workers: the rows of hosts.def.
 * No state; any phase. */
#ifndef GF_CORE_HOSTS_H
#define GF_CORE_HOSTS_H

#include "process/self.h"

/* The row that describes this program, as its `why`; or NULL. argv is as the program was given it.
 */
const char *gf_hosts_find(const struct gf_self *self, int argc, char *const *argv);

#endif
