#include "warmup.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static const char blanks[] = " \t\r\n\v\f";

struct reader {
    struct gf_warmup found;
    const char *file; /* that names them; NULL: the variable itself */
    void (*tell)(const char *line);
};

static void tell_bad(struct reader *reader, const char *word, const char *reason) {
    char buffer[1024];
    struct gf_text line;
    gf_text_init(&line, buffer, sizeof buffer);
    gf_text_add(&line, "GCFREEZE_WARMUP: \"");
    gf_text_add_plain(&line, word);
    gf_text_add_char(&line, '"');
    if (reader->file) {
        gf_text_add(&line, " in ");
        gf_text_add_plain(&line, reader->file);
    }
    gf_text_add(&line, reason);
    reader->found.bad++;
    reader->tell(buffer);
}

/* "shop.views" or, with `end` behind it, "warm" of "shop.views:warm". Letters of other alphabets
 * are let through: Python has them. */
static const char *behind_name(const char *text) {
    bool first = true;
    for (;; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c == '_' || c >= 0x80 || (first ? isalpha(c) : isalnum(c)))
            first = false;
        else if (c == '.' && !first)
            first = true;
        else
            return first ? NULL : text;
    }
}

static bool is_function(const char *word) {
    const char *colon = behind_name(word);
    const char *end = colon && *colon == ':' ? behind_name(colon + 1) : NULL;
    return end && *end == '\0';
}

/* "shop.example.com:8000" */
static bool is_host(const char *text, size_t length) {
    const size_t name = strcspn(text, ":/");
    if (name == 0 || name >= length)
        return name > 0;
    const size_t digits = strspn(text + name + 1, "0123456789");
    return name + 1 + digits == length;
}

/* ASCII, and two digits behind each % of the path */
static bool is_target(const char *text) {
    const char *end = text + strcspn(text, "?#");
    for (const char *c = text; *c; c++) {
        if ((unsigned char)*c >= 0x80 ||
            (*c == '%' && c < end &&
             !(isxdigit((unsigned char)c[1]) && isxdigit((unsigned char)c[2]))))
            return false;
    }
    return true;
}

static bool is_page(const char *word) {
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        const char *host = word + strlen(schemes[i]);
        if (strncmp(word, schemes[i], strlen(schemes[i])) == 0)
            return is_host(host, strcspn(host, "/")) && is_target(host);
    }
    return word[0] == '/' && is_target(word);
}

static void read_file(struct reader *reader, const char *word);

static void read_word(struct reader *reader, const char *word) {
    if (is_page(word))
        reader->found.pages++;
    else if (is_function(word))
        reader->found.functions++;
    else if (strncmp(word, "@/", 2) == 0 && !reader->file)
        read_file(reader, word);
    else
        tell_bad(
            reader, word,
            reader->file
                ? " is not allowed; allowed: /path, http://host/path or module:function"
                : " is not allowed; allowed: /path, http://host/path, module:function or @/file");
}

static void read_file(struct reader *reader, const char *word) {
    struct reader inside = {.file = word, .tell = reader->tell};
    FILE *file = fopen(word + 1, "re");
    char *line = NULL;
    size_t size = 0;
    while (file && getline(&line, &size, file) > 0) {
        char *start = line + strspn(line, blanks);
        size_t length = strlen(start);
        while (length > 0 && strchr(blanks, start[length - 1]))
            length--;
        start[length] = '\0';
        if (length > 0 && *start != '#')
            read_word(&inside, start);
    }
    if (!file || ferror(file)) {
        char reason[128];
        snprintf(reason, sizeof reason, " cannot be read: %s", strerror(errno));
        tell_bad(reader, word, reason);
    }
    if (file)
        fclose(file);
    free(line);
    reader->found.pages += inside.found.pages;
    reader->found.functions += inside.found.functions;
    reader->found.bad += inside.found.bad;
}

struct gf_warmup gf_warmup_read(const char *words, void (*tell)(const char *line)) {
    struct reader reader = {.tell = tell};
    char *copy = strdup(words), *rest = NULL;
    for (char *word = copy ? strtok_r(copy, blanks, &rest) : NULL; word;
         word = strtok_r(NULL, blanks, &rest))
        read_word(&reader, word);
    free(copy);
    return reader.found;
}
