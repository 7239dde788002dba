/* The public functions of gcfreeze.h. */
#include "gcfreeze.h"

#include <errno.h>
#include <string.h>

struct gcfreeze_page gcfreeze_page = {
    .magic = {'g', 'c', 'f', 'r', 'e', 'e', 'z', 'e'},
    .version = GCFREEZE_PAGE_VERSION,
    .status = {.size = sizeof gcfreeze_page.status},
};

const char *gcfreeze_version(void) {
    return GF_VERSION;
}

int gcfreeze_status(struct gcfreeze_status *status) {
    if (!status || status->size < 2 * sizeof(uint32_t)) {
        errno = EINVAL;
        return -1;
    }
    struct gcfreeze_status full = gcfreeze_page.status;
    size_t size = status->size < sizeof full ? status->size : sizeof full;
    full.size = (uint32_t)size;
    memcpy(status, &full, size);
    return 0;
}
