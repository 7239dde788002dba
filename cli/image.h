/* What the header of an ELF file says: can the library be loaded into it? */
#ifndef GF_CLI_IMAGE_H
#define GF_CLI_IMAGE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

struct gf_image {
    bool is_elf;
    int bits;              /* 32 or 64; 0: neither */
    uint16_t machine;      /* EM_X86_64, ... */
    char loader[PATH_MAX]; /* the dynamic linker that it asks for, if it has this program's bits;
                              empty: none, it is static */
};

/* False with errno if the file cannot be read. A file that is no ELF is fine. */
bool gf_image_read(const char *path, struct gf_image *ret);

/* "x86-64", "AArch64", ... or the number. Static storage. */
const char *gf_image_machine(uint16_t machine);

#endif
