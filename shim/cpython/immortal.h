/* Objects whose reference count is never written again. */
#ifndef GF_CPYTHON_IMMORTAL_H
#define GF_CPYTHON_IMMORTAL_H

#include <stdbool.h>

/* Can this interpreter do it, as its version says and as a test on live objects confirms? NULL
 * means yes; else why not, as the end of a sentence. The answer is found once. Inside. */
const char *gf_immortal_obstacle(void);

/* Makes immortal what the loaded modules hold. Returns how many objects became so, and whether the
 * walk reached its end. Inside; about 35 ns an object. */
long gf_immortal_walk(bool *ret_complete);

#endif
