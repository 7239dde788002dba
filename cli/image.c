#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The name in the first PT_INTERP; none if the headers end before it. */
static bool read_loader(int file, const ElfW(Ehdr) * header, char *ret) {
    for (int i = 0; i < header->e_phnum; i++) {
        ElfW(Phdr) segment;
        off_t at = (off_t)(header->e_phoff + (uint64_t)i * header->e_phentsize);
        if (pread(file, &segment, sizeof segment, at) != sizeof segment)
            return true;
        if (segment.p_type != PT_INTERP)
            continue;
        if (segment.p_filesz == 0 || segment.p_filesz >= PATH_MAX)
            return true;
        ssize_t got = pread(file, ret, segment.p_filesz, (off_t)segment.p_offset);
        ret[got < 0 ? 0 : got] = '\0';
        return got >= 0;
    }
    return true;
}

bool gf_image_read(const char *path, struct gf_image *ret) {
    ElfW(Ehdr) header = {0};
    *ret = (struct gf_image){0};
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    ssize_t got = pread(file, &header, sizeof header, 0);
    bool good = got >= 0;
    ret->is_elf = got >= EI_NIDENT && memcmp(header.e_ident, ELFMAG, SELFMAG) == 0;
    if (ret->is_elf && header.e_ident[EI_CLASS] == ELFCLASS64)
        ret->bits = 64;
    else if (ret->is_elf && header.e_ident[EI_CLASS] == ELFCLASS32)
        ret->bits = 32;
    if (ret->bits)
        ret->machine = header.e_machine; /* in the same place in both classes */
    if (ret->bits == 8 * sizeof(void *) && got == sizeof header)
        good = read_loader(file, &header, ret->loader);
    int error = errno;
    close(file);
    errno = error;
    return good;
}

const char *gf_image_machine(uint16_t machine) {
    static char number[32];
    switch (machine) {
    case EM_X86_64:
        return "x86-64";
    case EM_386:
        return "x86";
    case EM_AARCH64:
        return "AArch64";
    case EM_ARM:
        return "Arm";
    case EM_RISCV:
        return "RISC-V";
    case EM_PPC64:
        return "POWER";
    case EM_S390:
        return "S/390";
    default:
        snprintf(number, sizeof number, "machine %u", machine);
        return number;
    }
}
