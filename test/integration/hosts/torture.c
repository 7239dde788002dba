/* Random operations on the memory of Python objects, each checked against a model that lives in
 * memory of its own. Loaded with ctypes.PyDLL: the caller holds the interpreter. A region is the
 * payload of a bytearray or an array that nobody resizes.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "torture.h"

struct torture torture;

static void *memory(size_t size) {
    void *result = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return result == MAP_FAILED ? NULL : result;
}

int torture_open(long regions, long bytes) {
    torture.regions = memory((size_t)regions * sizeof *torture.regions);
    torture.model = memory((size_t)bytes);
    torture.base = memory((size_t)bytes);
    torture.most_regions = regions;
    torture.most_bytes = bytes;
    return torture.regions && torture.model && torture.base ? 0 : -1;
}

int torture_add(unsigned char *bytes, long size) {
    if (torture.count == torture.most_regions || torture.bytes + size > torture.most_bytes)
        return -1;
    memcpy(torture.base + torture.bytes, bytes, (size_t)size);
    memcpy(torture.model + torture.bytes, bytes, (size_t)size);
    torture.regions[torture.count++] = (struct torture_region){bytes, size, torture.bytes};
    torture.bytes += size;
    return 0;
}

static uint64_t random_of(uint64_t *state) { /* xorshift64*: Marsaglia 2003, Vigna 2016 */
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

static long complain(const struct torture_region *region, long offset) {
    fprintf(stderr, "torture: region %ld, byte %ld at %p: %d, and the model says %d (was %d)\n",
            (long)(region - torture.regions), offset, (void *)(region->bytes + offset),
            region->bytes[offset], torture.model[region->at + offset],
            torture.base[region->at + offset]);
    return 1;
}

long torture_run(uint64_t seed, long operations, long from, long to, int writes, int restores) {
    uint64_t state = seed | 1;
    long wrong = 0;
    for (long i = 0; i < operations; i++) {
        uint64_t random = random_of(&state);
        const struct torture_region *region =
            &torture.regions[from + (long)((random >> 32) * (uint64_t)(to - from) >> 32)];
        long offset = (long)((random & 0xffff) * (uint64_t)region->size >> 16);
        unsigned char *model = &torture.model[region->at + offset];
        int how = (int)(random >> 16 & 0xff);
        if (how < writes)
            region->bytes[offset] = *model = (unsigned char)(random >> 24);
        else if (how < writes + restores)
            region->bytes[offset] = *model = torture.base[region->at + offset];
        else if (region->bytes[offset] != *model)
            wrong += complain(region, offset);
    }
    return wrong;
}

void torture_restore(long from, long to) {
    for (long i = from; i < to; i++) {
        const struct torture_region *region = &torture.regions[i];
        memcpy(region->bytes, torture.base + region->at, (size_t)region->size);
        memcpy(torture.model + region->at, torture.base + region->at, (size_t)region->size);
    }
}

long torture_verify(long from, long to) {
    long wrong = 0;
    for (long i = from; i < to; i++) {
        const struct torture_region *region = &torture.regions[i];
        if (memcmp(region->bytes, torture.model + region->at, (size_t)region->size) == 0)
            continue;
        for (long offset = 0; offset < region->size; offset++) {
            if (region->bytes[offset] != torture.model[region->at + offset])
                wrong += complain(region, offset);
        }
    }
    return wrong;
}
