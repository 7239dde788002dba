#include "pages/arenas.h"

#include <sys/mman.h>

/* Twice as many slots as arenas, so that searches stay short. A key is the arena's address and, in
 * the bits below a page, its size in units of 64 KiB: arenas are 256 KiB up to CPython 3.9 and 1
 * MiB from 3.10 on (Objects/obmalloc.c, ARENA_SIZE). */
enum { SLOTS = 1 << 17, MOST = SLOTS / 2, UNIT = 1 << 16, UNITS = (1 << 12) - 1 };

static struct gf_arena *slots;
static atomic_size_t count;

/* How far from its first slot an arena has ever been put: a search looks no farther. So one that
 * goes leaves nothing behind, and what has gone makes no search longer. */
static atomic_size_t farthest;

static uintptr_t key_of(const void *address, size_t size) {
    return (uintptr_t)address | size / UNIT;
}

char *gf_arena_address(const struct gf_arena *arena) {
    return (char *)(arena->key & ~(uintptr_t)UNITS);
}

size_t gf_arena_size(const struct gf_arena *arena) {
    return (arena->key & UNITS) * UNIT;
}

/* Fibonacci hashing of the address in units. */
static size_t first_slot(const void *address) {
    return (size_t)(((uintptr_t)address / UNIT * UINT64_C(0x9e3779b97f4a7c15)) >> 47) % SLOTS;
}

bool gf_arenas_open(void) {
    if (slots)
        return true;
    void *memory = mmap(NULL, SLOTS * sizeof *slots, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    slots = memory;
    return true;
}

static void search_as_far_as(size_t distance) {
    size_t known = farthest;
    while (distance > known && !atomic_compare_exchange_weak(&farthest, &known, distance))
        continue;
}

void gf_arenas_add(void *address, size_t size) {
    if (!slots || size % UNIT != 0 || size == 0 || size / UNIT > UNITS ||
        ((uintptr_t)address & UNITS) != 0 || count >= MOST)
        return;
    size_t start = first_slot(address);
    for (size_t i = 0; i < SLOTS; i++) {
        struct gf_arena *slot = &slots[(start + i) % SLOTS];
        uintptr_t was = 0;
        if (slot->key != 0)
            continue;
        search_as_far_as(i);
        slot->original = NULL;
        if (atomic_compare_exchange_strong(&slot->key, &was, key_of(address, size))) {
            count++;
            return;
        }
    }
}

struct gf_arena *gf_arenas_find(const void *address) {
    size_t start = first_slot(address);
    for (size_t i = 0; slots && i <= farthest; i++) {
        struct gf_arena *slot = &slots[(start + i) % SLOTS];
        if (slot->key != 0 && gf_arena_address(slot) == address)
            return slot;
    }
    return NULL;
}

void gf_arenas_remove(void *address) {
    struct gf_arena *slot = gf_arenas_find(address);
    if (!slot)
        return;
    /* out of the register first: a signal handler that waits may start a slice in between */
    const char *original = slot->original;
    size_t size = gf_arena_size(slot);
    slot->original = NULL;
    slot->key = 0;
    count--;
    if (original)
        munmap((void *)original, size);
}

struct gf_arena *gf_arenas_next(size_t *position) {
    while (slots && *position < SLOTS) {
        struct gf_arena *slot = &slots[(*position)++];
        if (slot->key != 0)
            return slot;
    }
    return NULL;
}

size_t gf_arenas_count(void) {
    return count;
}

void gf_arenas_forget(void) {
    size_t position = 0;
    struct gf_arena *arena;
    while ((arena = gf_arenas_next(&position)) != NULL)
        gf_arenas_remove(gf_arena_address(arena));
}
