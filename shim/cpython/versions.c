#include "cpython/versions.h"

#include <stddef.h>
#include <string.h>

/* Sources: Include/cpython/pystate.h of each release. Up to 3.11 the current thread state is one
 * atomic variable of the runtime (Python/pystate.c, _PyRuntimeState_GetThreadState); from 3.12 on
 * it is thread-local (Python/pystate.c, current_fast_get). From 3.10 on, atexit's callbacks are
 * kept in the interpreter's state (Modules/atexitmodule.c, get_atexit_state). Up to 3.8 the
 * collector is the runtime's (_PyRuntime.gc), later the interpreter's; from 3.12 on an interpreter
 * may have a GIL of its own (PEP 684), so that PyThreadState_Swap gives one up and takes the other
 * (Python/pystate.c, _PyThreadState_Swap), and from 3.13 on PyOS_BeforeFork takes HEAD_LOCK
 * (Modules/posixmodule.c). Immortal objects came with 3.12 (PEP 683); 3.14 moved flags beside the
 * count, which only the interpreter's own function knows. */
static const struct gf_version versions[] = {
    {3, 8, .current = GF_CURRENT_UNCHECKED_GET, .one_collector = true},
    {3, 9, .current = GF_CURRENT_UNCHECKED_GET},
    {3, 10, .current = GF_CURRENT_UNCHECKED_GET, .atexit_is_shared = true},
    {3, 11, .current = GF_CURRENT_UNCHECKED_GET, .atexit_is_shared = true},
    {3, 12, .current = GF_CURRENT_UNCHECKED_GET, .current_is_own = true, .atexit_is_shared = true,
     .gils = GF_GILS_BY_FEATURE, .swap_gives_gil_up = true, .immortal = GF_IMMORTAL_BY_WORD},
    {3, 13, .current = GF_CURRENT_GET_UNCHECKED, .current_is_own = true, .atexit_is_shared = true,
     .gils = GF_GILS_BY_CONFIG, .swap_gives_gil_up = true, .fork_takes_head_lock = true,
     .immortal = GF_IMMORTAL_BY_WORD},
    {3, 14, .current = GF_CURRENT_GET_UNCHECKED, .current_is_own = true, .atexit_is_shared = true,
     .gils = GF_GILS_BY_CONFIG, .swap_gives_gil_up = true, .fork_takes_head_lock = true,
     .immortal = GF_IMMORTAL_BY_CALL},
    {3, 15, .current = GF_CURRENT_GET_UNCHECKED, .current_is_own = true, .atexit_is_shared = true,
     .gils = GF_GILS_BY_CONFIG, .swap_gives_gil_up = true, .fork_takes_head_lock = true,
     .immortal = GF_IMMORTAL_BY_CALL},
};
enum { COUNT = sizeof versions / sizeof *versions };

static int number(const char **text) {
    int value = 0;
    const char *start = *text;
    while (**text >= '0' && **text <= '9' && *text - start < 4)
        value = value * 10 + (*(*text)++ - '0');
    return *text == start ? -1 : value;
}

enum gf_support gf_version_judge(const char *text, const struct gf_version **ret) {
    const char *rest = text;
    int major = number(&rest);
    int minor = *rest == '.' ? (rest++, number(&rest)) : -1;
    if (major < 0 || minor < 0)
        return GF_OLDER;
    for (size_t i = 0; i < COUNT; i++) {
        if (versions[i].major == major && versions[i].minor == minor) {
            *ret = &versions[i];
            return GF_SUPPORTED;
        }
    }
    const struct gf_version *newest = &versions[COUNT - 1];
    if (major < newest->major || (major == newest->major && minor < newest->minor))
        return GF_OLDER;
    *ret = newest;
    return GF_NEWER;
}

/* "3.13.0 experimental free-threading build (...)", later without "experimental" */
bool gf_version_free_threaded(const char *text) {
    return strstr(text, "free-threading build") != NULL;
}

gf_thread *gf_version_current(const struct gf_version *version, const struct gf_api *api) {
    switch (version->current) {
    case GF_CURRENT_UNCHECKED_GET:
        return api->_PyThreadState_UncheckedGet();
    case GF_CURRENT_GET_UNCHECKED:
        return api->PyThreadState_GetUnchecked();
    }
    return NULL;
}

const char *gf_version_missing(const struct gf_version *version, const struct gf_api *api) {
    if (version->current == GF_CURRENT_UNCHECKED_GET && !api->_PyThreadState_UncheckedGet)
        return "_PyThreadState_UncheckedGet";
    if (version->current == GF_CURRENT_GET_UNCHECKED && !api->PyThreadState_GetUnchecked)
        return "PyThreadState_GetUnchecked";
    return NULL;
}
