/* A file with settings, and commands in it (what `gcfreeze doctor` reads about a server). Input:
 * the file.
 *
 * - A name has the bytes of a name; name and value are parts of one line of the input.
 * - The words of a value are no longer than it, all together, and the list of them ends. */
#include <ctype.h>
#include <string.h>

#include "fuzz.h"
#include "inifile.h"
#include "support/opened.h"
#include "words.h"

struct input {
    const char *bytes;
    size_t size;
};

static void check_words(const char *value) {
    struct gf_words words = {0};
    size_t length = 0;
    gf_words_split(&words, value, "file");
    for (size_t i = 0; i < words.count; i++) {
        length += strlen(words.list[i]);
        GF_FUZZ_CHECK(strcmp(words.from[i], "file") == 0);
    }
    GF_FUZZ_CHECK(length <= strlen(value));
    GF_FUZZ_CHECK(words.count <= strlen(value));
    GF_FUZZ_CHECK(words.count == 0 || words.list[words.count] == NULL);
    gf_words_release(&words);
}

static void take(const char *section, const char *name, const char *value, void *context) {
    const struct input *input = context;
    GF_FUZZ_CHECK(*name && !strpbrk(name, " \t\n=:[]#;\"'"));
    GF_FUZZ_CHECK(!strchr(value, '\n') && !strpbrk(section, "]\n"));
    GF_FUZZ_CHECK(memmem(input->bytes, input->size, name, strlen(name)) != NULL);
    GF_FUZZ_CHECK(memmem(input->bytes, input->size, value, strlen(value)) != NULL);
    check_words(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input input = {(const char *)data, size};
    if (size == 0)
        return 0;
    gf_opened_set("settings", data, size);
    GF_FUZZ_CHECK(gf_inifile_each("settings", take, &input));
    return 0;
}
