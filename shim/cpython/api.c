#include "cpython/api.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "process/objects.h"

/* What makes an object an interpreter. An extension module that defines one of them by accident
 * does not define them all. */
static const char *const landmarks[] = {"Py_GetVersion", "Py_IsInitialized", "PyGILState_Ensure"};

static const struct {
    char name[40]; /* no pointer: it would be written to in every process */
    size_t offset;
    bool required;
} rows[] = {
#define REQUIRED                            true
#define OPTIONAL                            false
#define NEEDED                              false /* by the immortal mode alone, which asks for itself */
#define API(need, returns, name, arguments) {#name, offsetof(struct gf_api, name), need},
#define API_TYPE(name)                      {#name, offsetof(struct gf_api, name), OPTIONAL},
#include "cpython/api.def"
#include "cpython/immortal.def"
#undef API
#undef API_TYPE
#undef REQUIRED
#undef OPTIONAL
#undef NEEDED
};

bool gf_api_find(struct gf_api *ret, const char **ret_missing) {
    static uint64_t searched; /* changes at the last search that found nothing; 0: none */
    struct gf_elf elf = {0};
    uint64_t changes = 0;
    if (searched != 0 && gf_objects_changes() == searched)
        return false;
    if (!gf_objects_find(landmarks, sizeof landmarks / sizeof *landmarks, &elf, &changes)) {
        searched = changes;
        return false;
    }
    *ret_missing = NULL;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        void *address = gf_elf_symbol(&elf, rows[i].name);
        if (!address && rows[i].required)
            *ret_missing = rows[i].name;
        memcpy((char *)ret + rows[i].offset, &address, sizeof address);
    }
    return true;
}
