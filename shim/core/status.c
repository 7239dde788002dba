/* The public functions of gcfreeze.h. */
#include "gcfreeze.h"

#include <errno.h>
#include <string.h>

#include "core/engine.h"

const char *gcfreeze_version(void) {
    return GF_VERSION;
}

int gcfreeze_status(struct gcfreeze_status *status) {
    struct gcfreeze_status full;
    if (!status || status->size < 2 * sizeof(uint32_t)) {
        errno = EINVAL;
        return -1;
    }
    gf_engine_status(&full);
    size_t size = status->size < sizeof full ? status->size : sizeof full;
    full.size = (uint32_t)size;
    memcpy(status, &full, size);
    return 0;
}
