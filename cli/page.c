#include "page.h"

#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "maps.h"
#include "process.h"

enum { MOST_SEGMENTS = 64, MOST_ENTRIES = 256, MOST_BYTES = 1 << 20 };

static ssize_t read_some(pid_t pid, uint64_t address, void *buffer, size_t size) {
    struct iovec here = {buffer, size};
    struct iovec there = {(void *)(uintptr_t)address, size};
    return process_vm_readv(pid, &here, 1, &there, 1, 0);
}

static bool read_all(pid_t pid, uint64_t address, void *buffer, size_t size) {
    return read_some(pid, address, buffer, size) == (ssize_t)size;
}

/* The dynamic segment of the object that starts at `base`; its number of entries, or 0. */
static size_t read_dynamic(pid_t pid, uint64_t base, ElfW(Dyn) * ret) {
    ElfW(Ehdr) header;
    ElfW(Phdr) segments[MOST_SEGMENTS];
    if (!read_all(pid, base, &header, sizeof header) ||
        memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_phnum > MOST_SEGMENTS ||
        header.e_phentsize != sizeof *segments ||
        !read_all(pid, base + header.e_phoff, segments, header.e_phnum * sizeof *segments))
        return 0;
    for (size_t i = 0; i < header.e_phnum; i++) {
        size_t size = segments[i].p_memsz;
        if (segments[i].p_type == PT_DYNAMIC && size <= MOST_ENTRIES * sizeof *ret &&
            read_all(pid, base + segments[i].p_vaddr, ret, size))
            return size / sizeof *ret;
    }
    return 0;
}

/* The address of gcfreeze_page, from the tables of the object as it is in memory: its file may be
 * in a container, or have been replaced by a newer release while the server runs. */
uint64_t gf_page_find(pid_t pid, uint64_t library) {
    static const char wanted[] = "gcfreeze_page";
    ElfW(Dyn) dynamic[MOST_ENTRIES];
    uint64_t symbols = 0, names = 0, names_size = 0, found = 0;
    size_t count = library ? read_dynamic(pid, library, dynamic) : 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t value = dynamic[i].d_un.d_val;
        uint64_t address = value < library ? library + value : value; /* ld.so adds it, or not */
        if (dynamic[i].d_tag == DT_SYMTAB)
            symbols = address;
        else if (dynamic[i].d_tag == DT_STRTAB)
            names = address;
        else if (dynamic[i].d_tag == DT_STRSZ)
            names_size = value;
    }
    /* the linker puts the names behind the symbols: the two are read as one */
    if (symbols == 0 || names <= symbols || names - symbols > MOST_BYTES || names_size > MOST_BYTES)
        return 0;
    size_t size = names - symbols + names_size;
    char *tables = malloc(size);
    if (tables && read_all(pid, symbols, tables, size)) {
        const char *texts = tables + (names - symbols);
        for (size_t at = 0; at + sizeof(ElfW(Sym)) <= names - symbols && found == 0;
             at += sizeof(ElfW(Sym))) {
            ElfW(Sym) symbol;
            memcpy(&symbol, tables + at, sizeof symbol);
            if (symbol.st_name + sizeof wanted <= names_size &&
                memcmp(texts + symbol.st_name, wanted, sizeof wanted) == 0)
                found = library + symbol.st_value;
        }
    }
    free(tables);
    return found;
}

/* It may be anybody's process, and what it calls its version is printed by who looks at it. */
static void clean(char *text, size_t size, const char *allowed) {
    text[size - 1] = '\0';
    for (; *text; text++) {
        if (!isalnum((unsigned char)*text) && !strchr(allowed, *text))
            *text = '?';
    }
}

enum gf_page_answer gf_page_fetch(pid_t pid, uint64_t address, struct gcfreeze_page *ret) {
    struct gcfreeze_page page = {0};
    const size_t least = offsetof(struct gcfreeze_page, status) + 2 * sizeof(uint32_t);
    ssize_t got = read_some(pid, address, &page, sizeof page);
    if (got < 0)
        return errno == ESRCH ? GF_PAGE_GONE : errno == EFAULT ? GF_PAGE_UNKNOWN : GF_PAGE_CLOSED;
    if (got < (ssize_t)least || memcmp(page.magic, GCFREEZE_PAGE_MAGIC, sizeof page.magic) != 0 ||
        page.version != GCFREEZE_PAGE_VERSION)
        return GF_PAGE_UNKNOWN;
    /* what an older library's struct does not reach is not its own */
    if (page.status.size < sizeof page.status)
        memset((char *)&page.status + page.status.size, 0, sizeof page.status - page.status.size);
    clean(page.status.python, sizeof page.status.python, ".+-_");
    clean(page.status.mode, sizeof page.status.mode, "");
    clean(page.status.mode_why, sizeof page.status.mode_why, ".,:;+-_=()/' ");
    *ret = page;
    bool own = page.pid == pid || page.pid == gf_process_inner_pid(pid);
    return own ? GF_PAGE_READ : GF_PAGE_PARENTS;
}

enum gf_page_answer gf_page_answer_without(pid_t pid, uint64_t library) {
    char byte = 0;
    if (read_all(pid, library, &byte, 1))
        return GF_PAGE_UNKNOWN;
    return errno == ESRCH ? GF_PAGE_GONE : GF_PAGE_CLOSED;
}

enum gf_page_answer gf_page_read(pid_t pid, struct gcfreeze_page *ret) {
    struct gf_maps maps;
    if (!gf_maps_read(pid, &maps))
        return errno == EACCES || errno == EPERM ? GF_PAGE_CLOSED : GF_PAGE_GONE;
    gf_snapshots_release(&maps.snapshots);
    if (maps.library == 0)
        return GF_PAGE_NOT_LOADED;
    uint64_t address = gf_page_find(pid, maps.library);
    return address ? gf_page_fetch(pid, address, ret) : gf_page_answer_without(pid, maps.library);
}
