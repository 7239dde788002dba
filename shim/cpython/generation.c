#include "cpython/generation.h"

#include <stddef.h>
#include <stdint.h>

#include "cpython/interpreter.h"

/* Right before an object that the collector knows. Both words keep flags in their lowest bits; an
 * object that is not tracked has no next one. */
struct head {
    uintptr_t next, previous;
};
enum { FLAGS = 3 };

static struct head ours = {(uintptr_t)&ours, (uintptr_t)&ours};

static struct head *head_of(gf_object *object) {
    return (struct head *)object - 1;
}

static struct head *at(uintptr_t word) {
    return (struct head *)(word & ~(uintptr_t)FLAGS); /* NOLINT(performance-no-int-to-ptr) */
}

static void link_up(struct head *head, struct head *next) {
    head->next = (uintptr_t)next;
    next->previous = (uintptr_t)head | (next->previous & FLAGS);
}

void gf_generation_take(gf_object *object) {
    struct head *head = head_of(object);
    gf_python.api.PyObject_GC_UnTrack(object);
    link_up(head, at(ours.next));
    link_up(&ours, head);
}

static bool linked(struct head *head) {
    return at(at(head->next)->previous) == head && at(at(head->previous)->next) == head;
}

bool gf_generation_verified(void) {
    const struct gf_api *api = &gf_python.api;
    gf_object *list = api->Py_BuildValue("[]");
    if (!list)
        return false;
    struct head *head = head_of(list);
    bool tracked = api->PyObject_GC_IsTracked(list) && head->next && head->previous && linked(head);
    api->PyObject_GC_UnTrack(list);
    bool alone = head->next == 0 && (head->previous & ~(uintptr_t)FLAGS) == 0;
    if (!tracked || !alone)
        return false; /* the list is lost: who knows what was written to */
    gf_generation_take(list);
    bool here = api->PyObject_GC_IsTracked(list) && linked(head) && at(ours.next) == head;
    api->PyObject_GC_UnTrack(list);
    bool gone = head->next == 0 && linked(&ours) && at(ours.next) != head;
    api->Py_DecRef(list);
    return here && gone;
}

int gf_generation_traverse(gf_visit *visit, void *context, const gf_object *but,
                           const gf_object *nor) {
    int result = 0;
    for (struct head *head = at(ours.next); head != &ours && result == 0; head = at(head->next)) {
        gf_object *object = (gf_object *)(head + 1);
        if (object != but && object != nor)
            result = gf_type_of(object)->traverse(object, visit, context);
    }
    return result;
}

void gf_generation_reset(void) {
    ours = (struct head){(uintptr_t)&ours, (uintptr_t)&ours};
}
