/* A function of ours in place of one of the interpreter's: to whoever looks at it, the same one.
 * The thread must be attached; exceptions are cleared. */
#ifndef GF_CPYTHON_REPLACE_H
#define GF_CPYTHON_REPLACE_H

#include "cpython/api.h"

enum { GF_DOC_SIZE = 512 };

/* Puts a builtin function made of *method, whose name it has, into the module in place of
 * `original`, with the same text, which is written to `doc` (GF_DOC_SIZE bytes). Both must live as
 * long as the interpreter. Returns the function as a new reference; NULL: nothing was replaced. */
gf_object *gf_replace(gf_object *module, gf_object *original, struct gf_method *method, char *doc);

#endif
