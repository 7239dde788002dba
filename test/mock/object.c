#include "object.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "python.h"
#include "recorder.h"

static struct gf_object objects[8192];
static size_t used;

_Noreturn void mock_die(const char *rule) {
    recorder_print();
    fprintf(stderr, "mock interpreter: %s\n", rule);
    abort();
}

gf_object *mock_new(enum mock_kind kind) {
    if (used == sizeof objects / sizeof *objects)
        mock_die("out of objects");
    gf_object *object = &objects[used++];
    *object = (struct gf_object){.kind = kind, .references = 1};
    return object;
}

gf_object *mock_number(long value) {
    gf_object *object = mock_new(MOCK_NUMBER);
    object->number = value;
    return object;
}

gf_object *mock_text(const char *text) {
    gf_object *object = mock_new(MOCK_TEXT);
    object->text = text;
    return object;
}

gf_object *mock_function(const struct gf_method *method) {
    gf_object *object = mock_new(MOCK_FUNCTION);
    object->method = method;
    return object;
}

void mock_add(gf_object *container, const char *key, gf_object *item) {
    if (container->count == MOCK_ITEMS)
        mock_die("out of items");
    container->keys[container->count] = key;
    container->items[container->count++] = item;
}

void mock_replace(gf_object *dict, const char *key, gf_object *item) {
    for (size_t i = 0; i < dict->count; i++) {
        if (strcmp(dict->keys[i], key) == 0) {
            mock_drop(dict->items[i]);
            dict->items[i] = item;
            return;
        }
    }
    mock_add(dict, key, item);
}

gf_object *mock_find(gf_object *dict, const char *key) {
    mock_expect(dict, MOCK_DICT);
    for (size_t i = 0; i < dict->count; i++) {
        if (strcmp(dict->keys[i], key) == 0)
            return dict->items[i];
    }
    return NULL;
}

static void expect_alive(const gf_object *object) {
    if (!object)
        mock_die("NULL in place of an object");
    if (object->references <= 0)
        mock_die("an object was used after its last reference went");
}

void mock_expect(const gf_object *object, enum mock_kind kind) {
    expect_alive(object);
    if (object->kind != kind)
        mock_die("an object of another type was expected");
}

void mock_keep(gf_object *object) {
    expect_alive(object);
    object->references++;
}

void mock_drop(gf_object *object) {
    expect_alive(object);
    if (--object->references > 0)
        return;
    for (size_t i = 0; i < object->count; i++)
        mock_drop(object->items[i]);
}

long mock_references(void) {
    long sum = 0;
    for (size_t i = 0; i < used; i++)
        sum += objects[i].references;
    return sum;
}

void mock_forget_objects(void) {
    for (size_t i = 0; i < used; i++)
        objects[i].references = 0;
}
