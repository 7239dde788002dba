/* Files of /proc with a content that a test has chosen, for programs linked with --wrap=fopen. */
#ifndef GF_TEST_OPENED_H
#define GF_TEST_OPENED_H

#include <stddef.h>

/* From now on fopen of a name that ends with `name` opens these bytes, which must stay. An empty
 * file is one that cannot be opened. Four names at the most. */
void gf_opened_set(const char *name, const void *bytes, size_t size);

#endif
