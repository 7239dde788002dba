#include "cpython/thread.h"

#include <stddef.h>

#include "cpython/interpreter.h"

enum gf_attachment gf_thread_attachment(void) {
    gf_thread *current = gf_version_current(gf_python.version, &gf_python.api);
    gf_thread *own = gf_python.api.PyGILState_GetThisThreadState();
    if (!own)
        return GF_FOREIGN;
    if (current == own || (current && gf_python.version->current_is_own))
        return GF_ATTACHED;
    return current ? GF_ELSEWHERE : GF_KNOWN;
}

/* The list of interpreters is read without its lock (HEAD_LOCK): os.fork holds it from 3.13 on.
 * With the GIL held nobody adds to it; without, a host that creates interpreters while it forks is
 * beyond what CPython itself supports. */
enum gcfreeze_reason gf_thread_obstacle(bool attached_before) {
    const struct gf_api *api = &gf_python.api;
    if (!api->Py_IsInitialized())
        return attached_before ? GCFREEZE_REASON_FINALIZING : GCFREEZE_REASON_NOT_INITIALIZED;
    gf_interpreter *head = api->PyInterpreterState_Head();
    if (!head)
        return GCFREEZE_REASON_NOT_INITIALIZED;
    if (api->PyInterpreterState_Next(head))
        return GCFREEZE_REASON_SUB_INTERPRETERS;
    return GCFREEZE_REASON_NONE;
}
