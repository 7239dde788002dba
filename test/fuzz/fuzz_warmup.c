/* The words of GCFREEZE_WARMUP, and a file of them. Input: the words up to a byte of 0, then the
 * file.
 *
 * - Each word counts once, as good or as bad; a file's words come in its place.
 * - A bad one has one printable line. */
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "fuzz.h"
#include "support/opened.h"
#include "warmup.h"

static size_t told;

static void count_line(const char *line) {
    told++;
    for (; *line; line++)
        GF_FUZZ_CHECK(isprint((unsigned char)*line));
}

static size_t count_words(const char *text) {
    size_t count = 0;
    for (bool inside = false; *text; text++) {
        bool blank = strchr(" \t\r\n\v\f", *text);
        count += !blank && !inside;
        inside = !blank;
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *end = size ? memchr(data, '\0', size) : NULL;
    if (!end)
        return 0;
    const char *words = (const char *)data;
    const size_t rest = size - (size_t)(end + 1 - data);
    gf_opened_set("/file", end + 1, rest);
    told = 0;
    const struct gf_warmup found = gf_warmup_read(words, count_line);
    GF_FUZZ_CHECK(found.bad == told);
    if (!strstr(words, "@/"))
        GF_FUZZ_CHECK(found.pages + found.functions + found.bad == count_words(words));
    return 0;
}
