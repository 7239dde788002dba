#include "cpython/interpreters.h"

#include <stddef.h>

#include "cpython/interpreter.h"
#include "process/threads.h"

/* Include/internal/pycore_interp.h, Py_RTFLAGS_*, 3.12 */
enum { USE_MAIN_OBMALLOC = 1 << 5, MULTI_INTERP_EXTENSIONS = 1 << 8 };
/* Include/cpython/pylifecycle.h, PyInterpreterConfig_SHARED_GIL, 3.13 */
enum { SHARED_GIL = 1 };

bool gf_interpreters_several(void) {
    gf_interpreter *head = gf_python.api.PyInterpreterState_Head();
    return head && gf_python.api.PyInterpreterState_Next(head);
}

/* While we wait for the GIL again, another thread may end the very interpreter that has a thread
 * state of ours, or take it out of the list that we walk. */
static bool may_end_meanwhile(void) {
    return gf_python.version->swap_gives_gil_up && gf_threads_count() != 1;
}

bool gf_interpreters_reachable(bool locked) {
    const struct gf_api *api = &gf_python.api;
    if (gf_python.version->one_collector)
        return true;
    if (may_end_meanwhile())
        return false;
    return api->PyInterpreterState_Main && api->PyThreadState_GetInterpreter &&
           api->PyThreadState_New && api->PyThreadState_Swap && api->PyThreadState_Clear &&
           api->PyThreadState_Delete && !(locked && gf_python.version->fork_takes_head_lock);
}

/* An interpreter that does not share the GIL runs while we look; 3.12 does not say whether it does,
 * but those of Py_NewInterpreter do, and they can be told by what else they share. */
static bool shares_gil(gf_interpreter *interpreter) {
    const struct gf_api *api = &gf_python.api;
    struct gf_interpreter_config config = {0};
    if (gf_python.free_threaded)
        return false;
    switch (gf_python.version->gils) {
    case GF_GILS_ONE:
        break;
    case GF_GILS_BY_FEATURE:
        return api->_PyInterpreterState_HasFeature &&
               api->_PyInterpreterState_HasFeature(interpreter, USE_MAIN_OBMALLOC) &&
               !api->_PyInterpreterState_HasFeature(interpreter, MULTI_INTERP_EXTENSIONS);
    case GF_GILS_BY_CONFIG:
        return api->_PyInterpreterConfig_InitFromState &&
               api->_PyInterpreterConfig_InitFromState(&config, interpreter) == 0 &&
               config.gil == SHARED_GIL;
    }
    return true;
}

static gf_thread *enter(gf_interpreter *interpreter, gf_thread **ret_host) {
    gf_thread *made = gf_python.api.PyThreadState_New(interpreter);
    if (made)
        *ret_host = gf_python.api.PyThreadState_Swap(made);
    return made;
}

int gf_interpreters_enter_main(gf_thread **ret_made, gf_thread **ret_host) {
    const struct gf_api *api = &gf_python.api;
    *ret_made = NULL;
    if (gf_python.version->one_collector)
        return 0;
    gf_thread *current = gf_version_current(gf_python.version, api);
    gf_interpreter *main = api->PyInterpreterState_Main();
    if (api->PyThreadState_GetInterpreter(current) == main)
        return 0;
    *ret_made = enter(main, ret_host);
    return *ret_made ? 0 : -1;
}

void gf_interpreters_leave(gf_thread *made, gf_thread *host) {
    const struct gf_api *api = &gf_python.api;
    api->PyThreadState_Clear(made);
    api->PyThreadState_Swap(host);
    api->PyThreadState_Delete(made);
}

void gf_interpreters_visit_others(void (*work)(void)) {
    const struct gf_api *api = &gf_python.api;
    if (gf_python.version->one_collector || !gf_interpreters_several() || may_end_meanwhile())
        return;
    gf_interpreter *main = api->PyInterpreterState_Main();
    gf_interpreter *interpreter = api->PyInterpreterState_Head();
    for (; interpreter; interpreter = api->PyInterpreterState_Next(interpreter)) {
        gf_thread *host = NULL;
        gf_thread *made = NULL;
        if (interpreter != main && shares_gil(interpreter))
            made = enter(interpreter, &host);
        if (!made)
            continue;
        work();
        gf_interpreters_leave(made, host);
    }
}
