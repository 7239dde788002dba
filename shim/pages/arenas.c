#include "pages/arenas.h"

#include <sys/mman.h>

/* Twice as many slots as arenas, so that searches stay short. A key is the arena's address and, in
 * the bits below a page, its size in units of 64 KiB: arenas are 256 KiB up to CPython 3.9 and 1
 * MiB from 3.10 on (Objects/obmalloc.c, ARENA_SIZE). */
enum { SLOTS = 1 << 15, MOST = SLOTS / 2, UNIT = GF_ARENA_UNIT, UNITS = (1 << 12) - 1 };

/* Arenas that find a table full come to the next one. A table takes memory from the moment on when
 * it is needed: a process that locks its memory (mlockall) has all of it. All together hold 64 GiB
 * of the smaller arenas. */
enum { TABLES = 16 };

static struct table {
    struct gf_arena *_Atomic slots;
    atomic_size_t count;
    /* How far from its first slot an arena has ever been put: a search looks no farther. So one
     * that goes leaves nothing behind, and what has gone makes no search longer. */
    atomic_size_t farthest;
} tables[TABLES];

static atomic_size_t used = 1; /* tables that have ever held an arena */

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

/* Another thread may open it at the same time: the first one's memory is used. */
static bool open_table(struct table *table) {
    const size_t size = SLOTS * sizeof(struct gf_arena);
    struct gf_arena *none = NULL;
    if (table->slots)
        return true;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    if (!atomic_compare_exchange_strong(&table->slots, &none, memory))
        munmap(memory, size);
    return true;
}

bool gf_arenas_open(void) {
    return open_table(&tables[0]);
}

static void at_least(atomic_size_t *value, size_t wanted) {
    size_t known = *value;
    while (wanted > known && !atomic_compare_exchange_weak(value, &known, wanted))
        continue;
}

static void put(struct table *table, void *address, size_t size) {
    size_t start = first_slot(address);
    for (size_t i = 0; i < SLOTS; i++) {
        struct gf_arena *slot = &table->slots[(start + i) % SLOTS];
        uintptr_t was = 0;
        if (slot->key != 0)
            continue;
        at_least(&table->farthest, i);
        slot->original = NULL;
        if (atomic_compare_exchange_strong(&slot->key, &was, key_of(address, size))) {
            table->count++;
            return;
        }
    }
}

void gf_arenas_add(void *address, size_t size) {
    if (!tables[0].slots || size % UNIT != 0 || size == 0 || size / UNIT > UNITS ||
        ((uintptr_t)address & UNITS) != 0)
        return;
    for (size_t i = 0; i < TABLES; i++) {
        if (tables[i].count < MOST) {
            if (open_table(&tables[i])) {
                at_least(&used, i + 1);
                put(&tables[i], address, size);
            }
            return;
        }
    }
}

static struct gf_arena *find(const void *address, struct table **ret_table) {
    size_t start = first_slot(address);
    for (size_t t = 0; tables[0].slots && t < used; t++) {
        for (size_t i = 0; i <= tables[t].farthest; i++) {
            struct gf_arena *slot = &tables[t].slots[(start + i) % SLOTS];
            if (slot->key != 0 && gf_arena_address(slot) == address) {
                *ret_table = &tables[t];
                return slot;
            }
        }
    }
    return NULL;
}

struct gf_arena *gf_arenas_find(const void *address) {
    struct table *table;
    return find(address, &table);
}

void gf_arenas_remove(void *address) {
    struct table *table;
    struct gf_arena *slot = find(address, &table);
    if (!slot)
        return;
    /* out of the register first: a signal handler that waits may start a slice in between */
    const char *original = slot->original;
    size_t size = gf_arena_size(slot);
    slot->original = NULL;
    slot->key = 0;
    table->count--;
    if (original)
        munmap((void *)original, size);
}

struct gf_arena *gf_arenas_next(size_t *position) {
    while (tables[0].slots && *position < used * SLOTS) {
        struct gf_arena *slot = &tables[*position / SLOTS].slots[*position % SLOTS];
        (*position)++;
        if (slot->key != 0)
            return slot;
    }
    return NULL;
}

size_t gf_arenas_count(void) {
    size_t count = 0;
    for (size_t i = 0; i < TABLES; i++)
        count += tables[i].count;
    return count;
}

void gf_arenas_forget(void) {
    size_t position = 0;
    struct gf_arena *arena;
    while ((arena = gf_arenas_next(&position)) != NULL)
        gf_arenas_remove(gf_arena_address(arena));
}
