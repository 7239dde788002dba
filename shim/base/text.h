/* Text in buffers of fixed size, and the few comparisons that knobs need.
 *
 * Nothing here allocates, takes a lock or looks at the locale: any phase, a signal handler
 * included.
 */
#ifndef GF_BASE_TEXT_H
#define GF_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A string that is built at the end of a caller's buffer. Always terminated; what does not fit is
 * dropped and `truncated` says so. */
struct gf_text {
    char *data;
    size_t size; /* bytes of the buffer, at least 1 */
    size_t length;
    bool truncated;
};

void gf_text_init(struct gf_text *text, char *buffer, size_t size);
void gf_text_add(struct gf_text *text, const char *string);
/* The first `length` bytes of `string`. */
void gf_text_add_bytes(struct gf_text *text, const char *string, size_t length);
void gf_text_add_char(struct gf_text *text, char c);
void gf_text_add_long(struct gf_text *text, long value);

/* Decimal, padded with zeros on the left to `width` digits. */
void gf_text_add_padded(struct gf_text *text, unsigned long value, int width);

/* For people, between quotes or not: bytes outside printable ASCII, quotes and backslashes become
 * \xNN. */
void gf_text_add_plain(struct gf_text *text, const char *string);

/* A JSON string with its quotes. Valid UTF-8 stays as it is, a byte that is none becomes U+FFFD. */
void gf_text_add_json(struct gf_text *text, const char *string);

/* ASCII only: the answer must not depend on the host's locale. */
bool gf_text_equal_nocase(const char *a, const char *b);

/* The whole of `string` as a decimal number from lower to upper; *ret is untouched on failure. */
bool gf_text_parse_long(const char *string, long lower, long upper, long *ret);

/* The decimal number behind the blanks that `string` starts with; 0 if there is none. Without a
 * look at overflow: for what the kernel writes. */
uint64_t gf_text_number(const char *string);

/* Shell pattern with *, ? and nothing else, over the whole name. `length` bounds the pattern. */
bool gf_text_glob(const char *pattern, size_t length, const char *name);

/* The next entry of a list that is separated by commas, with spaces around them or none; empty ones
 * are passed over. Not terminated: it has `*ret_length` bytes. *list moves behind it. NULL: there
 * is none. */
const char *gf_text_entry(const char **list, size_t *ret_length);

/* Does one of the patterns match? They are separated by commas, with spaces around them or none; an
 * empty pattern matches nothing, and nothing matches an empty name. */
bool gf_text_any_glob(const char *patterns, const char *name);

/* The edit distance of two words, at most 32 bytes each; more counts as far away (SIZE_MAX). */
size_t gf_text_distance(const char *a, const char *b);

#endif
