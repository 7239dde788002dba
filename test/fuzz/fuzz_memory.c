/* Memory figures. Input: smaps_rollup, smaps and cgroup of a process, a byte of 0 between them.
 *
 * - What a process has for itself is not less than nothing, and not more than its private pages.
 * - What it shares of copies is not less than nothing, or there is none.
 * - A group's memory is not less than nothing, or not known. */
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "memory.h"
#include "support/opened.h"

/* The next text, up to a 0, is the file of that name. */
static void set_next(const char *name, struct gf_bytes *rest) {
    const uint8_t *zero = rest->size ? memchr(rest->data, 0, rest->size) : NULL;
    size_t length = zero ? (size_t)(zero - rest->data) : rest->size;
    gf_opened_set(name, rest->data, length);
    gf_bytes_take(rest, zero ? length + 1 : length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct gf_bytes rest = {data, size};
    struct gf_memory_use use;
    pid_t self = getpid();
    set_next("/smaps_rollup", &rest);
    set_next("/smaps", &rest);
    set_next("/cgroup", &rest);
    if (gf_memory_read(self, &use)) {
        GF_FUZZ_CHECK(use.own >= 0);
        GF_FUZZ_CHECK(use.own <= use.private_clean + use.private_dirty || use.own == 0);
        GF_FUZZ_CHECK(use.reshared >= -1);
    }
    GF_FUZZ_CHECK(gf_memory_of_group(self, &self, 1) >= -1);
    return 0;
}
