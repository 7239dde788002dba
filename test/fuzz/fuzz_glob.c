/* The glob matcher. Input: a pattern, a byte of 0, a name.
 *
 * It says what fnmatch(3) says where * and ? are the only special characters, and reads nothing
 * behind the pattern, which has no end but its length, or behind the name. */
#include <fnmatch.h>
#include <stdbool.h>
#include <string.h>

#include "base/text.h"
#include "fuzz.h"
#include "support/guard.h"

enum { MOST = 64, STARS = 5 }; /* glibc's fnmatch is exponential in the number of stars */

static bool reference(const char *pattern, const char *name) {
    char escaped[2 * MOST + 1];
    char *end = escaped;
    for (; *pattern; pattern++) {
        if (*pattern != '*' && *pattern != '?')
            *end++ = '\\';
        *end++ = *pattern;
    }
    *end = '\0';
    return fnmatch(escaped, name, 0) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char *pattern_end, *name_end;
    if (!pattern_end) {
        pattern_end = (char *)gf_guard_map(MOST) + MOST;
        name_end = (char *)gf_guard_map(MOST + 1) + MOST + 1;
    }
    const uint8_t *zero = size ? memchr(data, 0, size) : NULL;
    size_t length = zero ? (size_t)(zero - data) : size;
    size_t name_length = zero ? strnlen((const char *)zero + 1, size - length - 1) : 0;
    size_t stars = 0;
    for (size_t i = 0; i < length; i++)
        stars += data[i] == '*';
    if (length > MOST || name_length > MOST || stars > STARS)
        return 0;

    char terminated[MOST + 1] = "";
    char *pattern = pattern_end - length, *name = name_end - name_length - 1;
    if (length > 0) {
        memcpy(pattern, data, length);
        memcpy(terminated, data, length);
    }
    if (zero)
        memcpy(name, zero + 1, name_length);
    name[name_length] = '\0';
    GF_FUZZ_CHECK(gf_text_glob(pattern, length, name) == reference(terminated, name));
    return 0;
}
