/* What is done right before a fork, freezing alone or immortal objects as well, and why. Kept in
 * gf_session.immortal, and for others in gcfreeze_page. */
#ifndef GF_CORE_MODE_H
#define GF_CORE_MODE_H

#include "core/runtime.h"

/* By the setting, and for `auto` by the program's names and arguments. A setting that cannot be
 * done is told, once. Phase: attach, inside. */
void gf_mode_choose(void);

/* Before a freeze: `auto` looks at who called the fork, if the program's names said nothing.
 * Inside. */
void gf_mode_reconsider(enum gf_moment moment);

/* From here on this process makes nothing immortal any more, nor do its children; says so. Phase:
 * before hook, fork window. */
void gf_mode_only_freeze(const struct gf_balance *balance);

#endif
