/* Objects of the mock interpreter: tagged structs with a reference count. Nothing is ever reused,
 * so an object that is touched after its last reference went is noticed. */
#ifndef MOCK_OBJECT_H
#define MOCK_OBJECT_H

#include <stdbool.h>
#include <stddef.h>

#include "cpython/api.h"

enum mock_kind {
    MOCK_NONE,
    MOCK_NUMBER,
    MOCK_TEXT,
    MOCK_TUPLE,
    MOCK_DICT,
    MOCK_FUNCTION,
    MOCK_TYPE
};
enum { MOCK_ITEMS = 12 };

/* A dict with attributes in it also serves as module, namespace and exception. */
struct gf_object {
    enum mock_kind kind;
    long references; /* 0: gone */
    long number;
    const char *text;
    const struct gf_method *method;
    size_t count;
    gf_object *items[MOCK_ITEMS];
    const char *keys[MOCK_ITEMS]; /* of a dict; NULL for a tuple */
};

/* All of these return a new reference; items are consumed. */
gf_object *mock_new(enum mock_kind kind);
gf_object *mock_number(long value);
gf_object *mock_text(const char *text);
gf_object *mock_function(const struct gf_method *method);

void mock_add(gf_object *container, const char *key, gf_object *item);
void mock_replace(gf_object *dict, const char *key, gf_object *item);
gf_object *mock_find(gf_object *dict, const char *key); /* borrowed, or NULL */

void mock_keep(gf_object *object);
void mock_drop(gf_object *object);

/* Aborts with a message if the object is gone or of another kind. */
void mock_expect(const gf_object *object, enum mock_kind kind);

/* Sum of all references, and an end to all objects. */
long mock_references(void);
void mock_forget_objects(void);

/* Ends the process: the library broke a rule of the interpreter. */
_Noreturn void mock_die(const char *rule);

#endif
