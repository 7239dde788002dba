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

enum gcfreeze_reason gf_thread_obstacle(bool attached_before) {
    const struct gf_api *api = &gf_python.api;
    if (!api->Py_IsInitialized())
        return attached_before ? GCFREEZE_REASON_FINALIZING : GCFREEZE_REASON_NOT_INITIALIZED;
    return api->PyInterpreterState_Head() ? GCFREEZE_REASON_NONE : GCFREEZE_REASON_NOT_INITIALIZED;
}
