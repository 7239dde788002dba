#include "base/table.h"

#include <stdint.h>
#include <string.h>

static const void *key_of(const char *place) {
    return *(const void *const *)place;
}

/* Where this key is, or the empty place where it belongs. */
static char *place_of(const struct gf_table *table, const void *key) {
    /* Fibonacci hashing: objects are 16 bytes apart, so the lowest bits say nothing */
    size_t i = ((uintptr_t)key >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 20;
    for (;; i++) {
        char *place = (char *)table->memory.data + (i & (table->capacity - 1)) * table->record;
        if (!key_of(place) || key_of(place) == key)
            return place;
    }
}

static bool grow(struct gf_table *table) {
    struct gf_table larger = {.record = table->record, .count = table->count};
    if (!gf_memory_grow(&larger.memory, 2 * table->memory.size))
        return false;
    larger.capacity = 1;
    while (2 * larger.capacity * table->record <= larger.memory.size)
        larger.capacity *= 2;
    for (size_t i = 0; i < table->capacity; i++) {
        const char *old = (const char *)table->memory.data + i * table->record;
        if (key_of(old))
            memcpy(place_of(&larger, key_of(old)), old, table->record);
    }
    gf_memory_release(&table->memory);
    *table = larger;
    return true;
}

void *gf_table_find(const struct gf_table *table, const void *key) {
    char *place = table->capacity ? place_of(table, key) : NULL;
    return place && key_of(place) ? place : NULL;
}

void *gf_table_add(struct gf_table *table, const void *key, bool *ret_new) {
    char *place = gf_table_find(table, key);
    *ret_new = !place;
    if (place)
        return place;
    if (2 * (table->count + 1) > table->capacity && !grow(table))
        return NULL;
    place = place_of(table, key);
    *(const void **)place = key;
    table->count++;
    return place;
}

void gf_table_release(struct gf_table *table) {
    gf_memory_release(&table->memory);
    table->capacity = table->count = 0;
}
