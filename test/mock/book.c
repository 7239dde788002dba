/* The book of calls: every API function is recorded, checked against the interpreter's rules, and
 * may be told to fail. */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "exports.h"
#include "process/elf.h"
#include "python.h"
#include "recorder.h"

static const char *const names[] = {
#define API(need, returns, name, arguments) [CALL_##name] = #name,
#include "cpython/api.def"
#undef API
};

/* May be called without the GIL. */
static const bool free_to_call[CALL_COUNT] = {
    [CALL_Py_GetVersion] = true,
    [CALL_Py_IsInitialized] = true,
    [CALL_Py_AtExit] = true,
    [CALL_PyGILState_Ensure] = true,
    [CALL_PyGILState_Release] = true,
    [CALL_PyGILState_GetThisThreadState] = true,
    [CALL_PyInterpreterState_Head] = true,
    [CALL_PyInterpreterState_Next] = true,
    [CALL__PyThreadState_UncheckedGet] = true,
    [CALL_PyThreadState_GetUnchecked] = true,
};

/* May not be called while an exception is pending (Objects/call.c asserts it). */
static const bool needs_no_error[CALL_COUNT] = {
    [CALL_PyObject_Call] = true,
    [CALL_PyObject_CallObject] = true,
    [CALL_PyImport_ImportModule] = true,
};

/* Answer NULL or 0 without an exception when they fail. */
static const bool silent[CALL_COUNT] = {
    [CALL_Py_IsInitialized] = true,        [CALL_Py_AtExit] = true,
    [CALL_PyErr_Occurred] = true,          [CALL_PyGILState_GetThisThreadState] = true,
    [CALL_PyInterpreterState_Head] = true, [CALL_PyThreadState_New] = true,
    [CALL_PyImport_GetModuleDict] = true,  [CALL_PySys_GetObject] = true,
    [CALL_PyDict_GetItemString] = true,    [CALL__PyInterpreterConfig_InitFromState] = true,
};

static int calls[CALL_COUNT];

/* Is this the call that `variable` ("name:n") speaks of? */
static bool is_named(const char *variable, enum mock_function function) {
    const char *wanted = getenv(variable);
    size_t length = strlen(names[function]);
    return wanted && strncmp(wanted, names[function], length) == 0 && wanted[length] == ':' &&
           atoi(wanted + length + 1) == calls[function];
}

bool mock_called(enum mock_function function) {
    calls[function]++;
    recorder_note("%s", names[function]);
    errno = EIO; /* the interpreter does not care for it */
    if (!free_to_call[function] && !mock_thread_holds_gil())
        mock_die("called without the GIL");
    if (needs_no_error[function] && mock.error)
        mock_die("called while an exception is pending");
    if (is_named("MOCK_SIGNAL", function))
        raise(SIGUSR1);
    if (!is_named("MOCK_FAIL", function))
        return true;
    recorder_note("failure");
    if (!silent[function])
        mock_raise();
    return false;
}

/* This very object: RTLD_LOCAL would hide it from RTLD_DEFAULT. Linkers put the names behind the
 * symbols. */
static int omit_here(struct dl_phdr_info *object, size_t size, void *name) {
    Dl_info here;
    struct gf_elf elf;
    (void)size;
    if (!dladdr((void *)(uintptr_t)omit_here, &here) || !gf_elf_parse(object, &elf) ||
        elf.base != (uintptr_t)here.dli_fbase)
        return 0;
    for (uintptr_t at = (uintptr_t)elf.symbols; at < (uintptr_t)elf.strings;
         at += sizeof(ElfW(Sym))) {
        ElfW(Sym) *symbol = (void *)at;
        if (symbol->st_shndx == SHN_UNDEF || strcmp(elf.strings + symbol->st_name, name) != 0)
            continue;
        uintptr_t page = at & ~((uintptr_t)sysconf(_SC_PAGESIZE) - 1);
        /* where pages are large, this very code is on the same one */
        if (mprotect((void *)page, at + sizeof *symbol - page,
                     PROT_READ | PROT_WRITE | PROT_EXEC) != 0)
            mock_die("the symbol table cannot be changed");
        symbol->st_shndx = SHN_UNDEF;
        return 1;
    }
    return 0;
}

/* Makes a symbol of this object look undefined, in memory. */
static void omit(const char *start, size_t length) {
    char name[64] = "";
    if (length >= sizeof name)
        mock_die("MOCK_OMIT has a name that is too long");
    memcpy(name, start, length);
    if (!dl_iterate_phdr(omit_here, name))
        mock_die("MOCK_OMIT names no symbol of the interpreter");
}

__attribute__((constructor)) static void omit_all(void) {
    const char *name = getenv("MOCK_OMIT");
    while (name && *name) {
        size_t length = strcspn(name, ",");
        omit(name, length);
        name += length + (name[length] == ',');
    }
}
