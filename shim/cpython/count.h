/* Counts objects and their bytes, each once, and writes to none: children share their pages. */
#ifndef GF_CPYTHON_COUNT_H
#define GF_CPYTHON_COUNT_H

#include <stdbool.h>

/* Bytes, as gf_kind_size has them. */
struct gf_counted {
    long marked; /* of objects that this library has made immortal */
    long fresh;  /* of those that it would make immortal now, about: what holds something whose end
                    can be noticed is among them */
    long others;
};

/* What is found from these roots (roots.h). `behind`: also what is behind objects that are marked.
 * If not, `fresh` is what a walk that marks would find now, and the other two are of no use. False:
 * memory ran out. Inside. */
bool gf_count(unsigned roots, bool behind, struct gf_counted *ret);

/* Objects that a walk from these roots would make immortal now, or `most` if there are more. */
long gf_count_fresh(unsigned roots, long most);

#endif
