#include "cpython/immortal.h"

#include <limits.h>
#include <stddef.h>
#include <string.h>

#include "cpython/count.h"
#include "cpython/deputy.h"
#include "cpython/generation.h"
#include "cpython/interpreter.h"
#include "cpython/layout.h"
#include "cpython/mark.h"
#include "cpython/roots.h"

static int64_t immortal_word; /* the count word of None */

/* Bytes. A child goes on with its parent's: so its heap is. */
static struct {
    long marked;    /* all that was made immortal so far */
    long uncounted; /* what was without a count */
    bool counted;   /* right before the walk that marks */
    long lost;      /* by the last count: marked, and no longer reached */
    long live;      /* by the last count: reached */
} totals;

/* Objects that a child was handed and that no walk marks: the most that there were. */
static long unmarkable;

/* What is held by variables alone is neither made immortal nor lost: a data set that another fork's
 * child is handed. */
enum { HELD = GF_ROOTS_MODULES | GF_ROOTS_HANDED | GF_ROOTS_VARIABLES };

static unsigned marked_from(bool handed) {
    return GF_ROOTS_MODULES | (handed ? GF_ROOTS_HANDED : 0);
}

/* A count visits the whole heap. It comes when what is marked without one would be more than this
 * part of the heap. */
enum { UNCOUNTED_PART = 8 };

static int64_t flag = GF_MARKED_BY_US; /* of what is being marked */

/* 3.12 and 3.13: Include/object.h, _Py_IMMORTAL_REFCNT and _Py_SetImmortal */
static void mark_by_word(gf_object *object) {
    object->count_word = immortal_word | flag;
}

/* 3.14 and later: flags beside the count, set by the interpreter itself */
static void mark_by_call(gf_object *object) {
    gf_python.api._Py_SetImmortalUntracked(object);
    object->count_word |= flag;
}

static void (*marker(void))(gf_object *) {
    return gf_python.version->immortal == GF_IMMORTAL_BY_CALL ? mark_by_call : mark_by_word;
}

/* Objects that every interpreter from 3.12 on makes immortal carry one and the same word; a
 * fresh one is mortal, and becomes immortal by our way of marking. It is lost to the process. */
static bool marking_works(void) {
    const struct gf_api *api = &gf_python.api;
    bool by_word = gf_python.version->immortal == GF_IMMORTAL_BY_WORD;
    gf_object *none = api->Py_BuildValue("");
    gf_object *const known[] = {none, api->Py_BuildValue("i", 0), api->Py_BuildValue("i", 1),
                                api->Py_BuildValue("()")};
    if (!none)
        return false;
    immortal_word = none->count_word;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!known[i] || !gf_is_immortal(known[i]) ||
            (by_word && known[i]->count_word != immortal_word))
            return false;
    }
    gf_object *fresh = api->Py_BuildValue("(i)", 1);
    if (!fresh || gf_is_immortal(fresh) || fresh->count_low != 1)
        return false;
    marker()(fresh);
    return gf_is_marked(fresh) && !gf_is_marked(none);
}

static bool complete(void) {
    static const struct {
        size_t offset;
        bool needed;
    } rows[] = {
#define NEEDED                              true
#define OPTIONAL                            false
#define API(need, returns, name, arguments) {offsetof(struct gf_api, name), need},
#define API_TYPE(name)                      {offsetof(struct gf_api, name), true},
#include "cpython/immortal.def"
#undef API_TYPE
#undef API
#undef OPTIONAL
#undef NEEDED
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const void *address = NULL;
        memcpy(&address, (const char *)&gf_python.api + rows[i].offset, sizeof address);
        if (rows[i].needed && !address)
            return false;
    }
    return true;
}

static const char *find_obstacle(void) {
    const struct gf_api *api = &gf_python.api;
    const struct gf_version *version = gf_python.version;
    if (version->immortal == GF_IMMORTAL_NEVER)
        return "needs CPython 3.12 or later";
    if (gf_python.free_threaded)
        return "is not done on free-threaded builds of CPython";
    if (gf_python.newer)
        return "is not known to be safe on a version newer than this library";
    if (!complete())
        return "needs functions that this interpreter does not export";
    if (version->immortal == GF_IMMORTAL_BY_CALL && !api->_Py_SetImmortalUntracked)
        return "needs _Py_SetImmortalUntracked, which this interpreter does not export";
    if (api->PySys_GetObject("gettotalrefcount"))
        return "is not done on debug builds of CPython";
    if (!gf_layout_verified() || !gf_generation_verified())
        return "is not done: objects of this interpreter are laid out in an unknown way";
    if (!marking_works())
        return "is not done: the test on live objects failed";
    return NULL;
}

const char *gf_immortal_obstacle(void) {
    static const char *obstacle;
    static bool asked;
    if (!asked) {
        asked = true;
        obstacle = find_obstacle();
        gf_python.api.PyErr_Clear();
    }
    return obstacle;
}

static bool count(void) {
    struct gf_counted counted;
    if (!gf_count(HELD, true, &counted))
        return false;
    totals.lost = totals.marked > counted.marked ? totals.marked - counted.marked : 0;
    totals.live = counted.marked + counted.fresh + counted.others;
    return true;
}

bool gf_immortal_weigh(bool handed, struct gf_balance *ret) {
    struct gf_counted found = {0};
    if (totals.marked == 0) {
        totals.counted = true; /* nothing is lost */
        *ret = (struct gf_balance){0};
        return true;
    }
    if (!gf_count(marked_from(handed), false, &found))
        return false;
    totals.counted = totals.uncounted + found.fresh >= totals.live / UNCOUNTED_PART;
    if (totals.counted && !count())
        return false;
    *ret = (struct gf_balance){.lost = totals.lost, .fresh = found.fresh, .live = totals.live};
    return true;
}

long gf_immortal_handed(long most) {
    long found = gf_count_fresh(GF_ROOTS_HANDED, unmarkable + most);
    return found > unmarkable ? found - unmarkable : 0;
}

long gf_immortal_walk(bool handed, bool *ret_complete) {
    struct gf_marked marked = gf_mark(marker(), marked_from(handed), NULL);
    *ret_complete = marked.complete;
    if (totals.marked == 0)
        totals.live = marked.bytes;
    totals.marked += marked.bytes;
    totals.uncounted = totals.counted ? 0 : totals.uncounted + marked.bytes;
    long left = handed ? gf_count_fresh(GF_ROOTS_HANDED, LONG_MAX) : 0;
    if (left > unmarkable)
        unmarkable = left;
    gf_deputy_install();
    return marked.objects;
}

long gf_immortal_share(void *object, bool *ret_complete) {
    flag = GF_MARKED_ASKED;
    struct gf_marked marked = gf_mark(marker(), 0, object);
    flag = GF_MARKED_BY_US;
    *ret_complete = marked.complete;
    gf_deputy_install();
    return marked.objects;
}

void gf_immortal_reset(void) {
    totals.marked = 0;
    totals.uncounted = 0;
    totals.lost = 0;
    totals.live = 0;
    unmarkable = 0;
}
