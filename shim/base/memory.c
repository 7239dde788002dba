#include "base/memory.h"

#include <sys/mman.h>

enum { LEAST = 1 << 16 };

bool gf_memory_grow(struct gf_memory *memory, size_t size) {
    size_t wanted = memory->size ? memory->size : LEAST;
    while (wanted < size) {
        if (__builtin_mul_overflow(wanted, (size_t)2, &wanted))
            return false;
    }
    if (wanted == memory->size)
        return true;
    void *data = memory->data ? mremap(memory->data, memory->size, wanted, MREMAP_MAYMOVE)
                              : mmap(NULL, wanted, PROT_READ | PROT_WRITE,
                                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED)
        return false;
    memory->data = data;
    memory->size = wanted;
    return true;
}

void gf_memory_release(struct gf_memory *memory) {
    if (memory->data)
        munmap(memory->data, memory->size);
    *memory = (struct gf_memory){0};
}
