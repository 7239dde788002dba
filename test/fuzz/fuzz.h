/* What a fuzz target is: LLVMFuzzerTestOneInput, which gets bytes that nobody has chosen. libFuzzer
 * calls it (script/fuzz), or replay.c, which is the corpus as a test.
 *
 * A target checks more than that nothing crashes: what it checks stands at its top.
 */
#ifndef GF_FUZZ_H
#define GF_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define GF_FUZZ_CHECK(condition)                                                                   \
    ((condition) ? (void)0 : gf_fuzz_failed(__FILE__, __LINE__, #condition))

static inline _Noreturn void gf_fuzz_failed(const char *file, int line, const char *condition) {
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
    abort();
}

/* The first `count` bytes of what is left, moved over; NULL if there are not as many. */
struct gf_bytes {
    const uint8_t *data;
    size_t size;
};
static inline const uint8_t *gf_bytes_take(struct gf_bytes *bytes, size_t count) {
    if (bytes->size < count)
        return NULL;
    const uint8_t *taken = bytes->data;
    bytes->data += count;
    bytes->size -= count;
    return taken;
}

#endif
