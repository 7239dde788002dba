/* The header of an ELF file that `gcfreeze doctor` and `run` look at. Input: the file.
 *
 * What is found is what the ELF specification says of the same bytes, read here once more; the
 * linker only of files of 64 bits, which this program has, too. */
#include <elf.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "image.h"

/* Bytes [at, at + size) of the file, or NULL. */
static const uint8_t *part(struct gf_bytes file, uint64_t at, size_t size) {
    return at <= file.size && size <= file.size - at ? file.data + at : NULL;
}

/* The name that the first PT_INTERP names, cut where the file ends; only headers that are whole
 * count. */
static void reference_loader(struct gf_bytes file, char *ret) {
    Elf64_Ehdr header;
    const uint8_t *head = part(file, 0, sizeof header);
    ret[0] = '\0';
    if (!head)
        return;
    memcpy(&header, head, sizeof header);
    for (uint64_t i = 0; i < header.e_phnum; i++) {
        Elf64_Phdr row;
        const uint8_t *at = part(file, header.e_phoff + i * header.e_phentsize, sizeof row);
        if (!at)
            return;
        memcpy(&row, at, sizeof row);
        if (row.p_type != PT_INTERP)
            continue;
        if (row.p_filesz == 0 || row.p_filesz >= PATH_MAX || row.p_offset >= file.size)
            return;
        size_t there = (size_t)(file.size - row.p_offset);
        there = there < row.p_filesz ? there : (size_t)row.p_filesz;
        memcpy(ret, file.data + row.p_offset, there);
        ret[there] = '\0';
        return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static int file = -1;
    static char path[64];
    if (file < 0) {
        file = memfd_create("fuzz", MFD_CLOEXEC);
        snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    }
    if (ftruncate(file, 0) != 0 || pwrite(file, data, size, 0) != (ssize_t)size)
        abort();

    static struct gf_image image;
    static char loader[PATH_MAX];
    struct gf_bytes bytes = {data, size};
    bool is_elf = size >= EI_NIDENT && memcmp(data, ELFMAG, SELFMAG) == 0;
    int class = is_elf ? data[EI_CLASS] : ELFCLASSNONE;
    if (!gf_image_read(path, &image))
        return 0; /* an offset that no file can have */
    GF_FUZZ_CHECK(image.is_elf == is_elf);
    GF_FUZZ_CHECK(image.bits == (class == ELFCLASS64 ? 64 : class == ELFCLASS32 ? 32 : 0));
    reference_loader(bytes, loader);
    GF_FUZZ_CHECK(strcmp(image.loader, class == ELFCLASS64 ? loader : "") == 0);
    Elf64_Half machine = 0;
    if (image.bits && size >= offsetof(Elf64_Ehdr, e_version))
        memcpy(&machine, data + offsetof(Elf64_Ehdr, e_machine), sizeof machine);
    GF_FUZZ_CHECK(image.machine == machine || size < offsetof(Elf64_Ehdr, e_version));
    GF_FUZZ_CHECK(gf_image_machine(image.machine)[0] != '\0');
    return 0;
}
