#include "pages/ksm.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

#include "base/file.h"
#include "pages/arenas.h"

bool gf_ksm_mark(void) {
    struct gf_arena *arena;
    size_t position = 0;
    while ((arena = gf_arenas_next(&position)) != NULL) {
        if (madvise(gf_arena_address(arena), gf_arena_size(arena), MADV_MERGEABLE) != 0 &&
            errno == EINVAL)
            return false;
    }
    return true;
}

bool gf_ksm_running(void) {
    char run[4];
    return gf_file_read("/sys/kernel/mm/ksm/run", run, sizeof run) && run[0] == '1';
}
