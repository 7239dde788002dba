/* gcfreeze_immortalize: what nobody's frame and no module shows. */
#include <errno.h>

#include "core/engine.h"
#include "core/session.h"
#include "gcfreeze.h"

static int64_t refuse(int error) {
    errno = error;
    return -1;
}

int64_t gcfreeze_immortalize(struct _object *object) {
    const struct gf_runtime *runtime = gf_session.runtime;
    struct gf_entry entry;
    bool complete = false;
    int saved_errno = errno;
    if (!object)
        return refuse(EINVAL);
    if (gf_session.phase != GF_PHASE_ATTACHED || !gf_engine_is_ours() || !runtime->take(&entry))
        return refuse(ENOTSUP);
    const char *obstacle = runtime->immortal_obstacle();
    long objects = obstacle ? 0 : runtime->share(object, &complete);
    runtime->leave(&entry);
    if (obstacle)
        return refuse(ENOTSUP);
    errno = complete ? saved_errno : ENOMEM;
    return objects;
}
