#include "base/addresses.h"

#include <stddef.h>
#include <stdint.h>

enum { GRAIN_BITS = 4, PART_BITS = 20, WORD_BITS = 6 };

struct gf_addresses_part {
    const void *key;
    uint64_t words[1 << (PART_BITS - GRAIN_BITS - WORD_BITS)];
};

/* In steps that the table expects, and never NULL: nothing lies below the first mebibyte. */
static const void *key_of(const void *address) {
    return (const void *)((uintptr_t)address >> PART_BITS << GRAIN_BITS);
}

static uint64_t *word_of(struct gf_addresses_part *part, const void *address, uint64_t *ret_bit) {
    size_t grain = ((uintptr_t)address & ((1 << PART_BITS) - 1)) >> GRAIN_BITS;
    *ret_bit = UINT64_C(1) << (grain & ((1 << WORD_BITS) - 1));
    return part->words + (grain >> WORD_BITS);
}

bool gf_addresses_have(struct gf_addresses *addresses, const void *address) {
    const void *key = key_of(address);
    if (!addresses->last || addresses->last->key != key)
        addresses->last = gf_table_find(&addresses->table, key);
    uint64_t bit = 0;
    return addresses->last && *word_of(addresses->last, address, &bit) & bit;
}

bool gf_addresses_add(struct gf_addresses *addresses, const void *address, bool *ret_new) {
    const void *key = key_of(address);
    if (!addresses->last || addresses->last->key != key) {
        bool new_part = false;
        addresses->table.record = sizeof(struct gf_addresses_part);
        addresses->last = gf_table_add(&addresses->table, key, &new_part);
        if (!addresses->last)
            return false;
    }
    uint64_t bit = 0;
    uint64_t *word = word_of(addresses->last, address, &bit);
    *ret_new = !(*word & bit);
    *word |= bit;
    return true;
}

void gf_addresses_release(struct gf_addresses *addresses) {
    gf_table_release(&addresses->table);
    addresses->last = NULL;
}
