/* Calling Python's builtins and reading what they answer. The thread must be attached.
 *
 * All return 0, or -1 with the interpreter's exception cleared and outputs untouched.
 */
#ifndef GF_CPYTHON_CALL_H
#define GF_CPYTHON_CALL_H

#include <stddef.h>

#include "cpython/api.h"

/* function() */
int gf_call(gf_object *function);

/* function(), as 0 or 1; -1 on error */
int gf_call_truth(gf_object *function);

/* int(function()) */
int gf_call_value(gf_object *function, long *ret);

/* function()[index] */
int gf_call_item(gf_object *function, long index, long *ret);

/* function(value) */
int gf_call_long(gf_object *function, long value);

/* dict[key], for a str key */
int gf_dict_long(gf_object *dict, const char *key, long *ret);

/* An attribute as a new reference, or NULL with the exception cleared. */
gf_object *gf_attribute(gf_object *object, const char *name);

/* int(object.name); -1: it has no such number. */
int gf_attribute_long(gf_object *object, const char *name, long *ret);

/* bool(object.name), as 0 or 1; -1 on error. */
int gf_attribute_truth(gf_object *object, const char *name);

/* Gives references back; NULLs are allowed. */
void gf_release(gf_object *const *references, size_t count);

/* A module that is imported already, as a new reference, or NULL. */
gf_object *gf_loaded_module(const char *name);

#endif
