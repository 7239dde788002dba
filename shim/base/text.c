#include "base/text.h"

#include <string.h>

void gf_text_init(struct gf_text *text, char *buffer, size_t size) {
    *text = (struct gf_text){.data = buffer, .size = size};
    buffer[0] = '\0';
}

void gf_text_add_char(struct gf_text *text, char c) {
    if (text->length + 1 >= text->size) {
        text->truncated = true;
        return;
    }
    text->data[text->length++] = c;
    text->data[text->length] = '\0';
}

void gf_text_add(struct gf_text *text, const char *string) {
    for (; *string; string++)
        gf_text_add_char(text, *string);
}

void gf_text_add_bytes(struct gf_text *text, const char *string, size_t length) {
    for (size_t i = 0; i < length; i++)
        gf_text_add_char(text, string[i]);
}

void gf_text_add_padded(struct gf_text *text, unsigned long value, int width) {
    char digits[24];
    size_t n = sizeof digits;
    digits[--n] = '\0';
    do {
        digits[--n] = (char)('0' + value % 10);
        value /= 10;
        width--;
    } while ((value != 0 || width > 0) && n > 0);
    gf_text_add(text, digits + n);
}

void gf_text_add_long(struct gf_text *text, long value) {
    if (value < 0)
        gf_text_add_char(text, '-');
    /* negating in unsigned arithmetic: LONG_MIN has no positive twin */
    gf_text_add_padded(text, value < 0 ? 0UL - (unsigned long)value : (unsigned long)value, 1);
}

static void add_hex(struct gf_text *text, const char *prefix, unsigned char byte) {
    static const char hex[] = "0123456789abcdef";
    gf_text_add(text, prefix);
    gf_text_add_char(text, hex[byte >> 4]);
    gf_text_add_char(text, hex[byte & 15]);
}

void gf_text_add_plain(struct gf_text *text, const char *string) {
    for (; *string; string++) {
        unsigned char c = (unsigned char)*string;
        if (c >= ' ' && c < 127 && c != '\\' && c != '"')
            gf_text_add_char(text, (char)c);
        else
            add_hex(text, "\\x", c);
    }
}

/* Length of the UTF-8 sequence at s (RFC 3629), or 0 if there is none. */
static size_t utf8_length(const unsigned char *s) {
    size_t length = 0;
    uint32_t code = 0;
    uint32_t least = 0;
    if (s[0] < 0x80)
        return 1;
    if ((s[0] & 0xe0) == 0xc0) {
        length = 2, code = s[0] & 0x1fU, least = 0x80;
    } else if ((s[0] & 0xf0) == 0xe0) {
        length = 3, code = s[0] & 0x0fU, least = 0x800;
    } else if ((s[0] & 0xf8) == 0xf0) {
        length = 4, code = s[0] & 0x07U, least = 0x10000;
    } else {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (s[i] & 0x3fU);
    }
    bool surrogate = code >= 0xd800 && code <= 0xdfff;
    return code < least || code > 0x10ffff || surrogate ? 0 : length;
}

void gf_text_add_json(struct gf_text *text, const char *string) {
    gf_text_add_char(text, '"');
    for (const unsigned char *s = (const unsigned char *)string; *s;) {
        size_t length = utf8_length(s);
        if (length == 0) {
            gf_text_add(text, "\xef\xbf\xbd");
            s++;
            continue;
        }
        if (*s == '"' || *s == '\\') {
            gf_text_add_char(text, '\\');
            gf_text_add_char(text, (char)*s);
        } else if (*s < ' ' || *s == 127) {
            add_hex(text, "\\u00", *s);
        } else {
            for (size_t i = 0; i < length; i++)
                gf_text_add_char(text, (char)s[i]);
        }
        s += length;
    }
    gf_text_add_char(text, '"');
}

static unsigned char lower(char c) {
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

bool gf_text_equal_nocase(const char *a, const char *b) {
    while (*a && lower(*a) == lower(*b))
        a++, b++;
    return lower(*a) == lower(*b);
}

bool gf_text_parse_long(const char *string, long lower_bound, long upper_bound, long *ret) {
    bool negative = *string == '-';
    const char *digit = string + negative;
    if (*digit == '\0')
        return false;
    long value = 0;
    for (; *digit; digit++) {
        if (*digit < '0' || *digit > '9')
            return false;
        if (__builtin_mul_overflow(value, 10L, &value) ||
            __builtin_add_overflow(value, (long)(*digit - '0'), &value))
            return false;
    }
    if (negative)
        value = -value;
    if (value < lower_bound || value > upper_bound)
        return false;
    *ret = value;
    return true;
}

uint64_t gf_text_number(const char *string) {
    uint64_t value = 0;
    for (string += strspn(string, " \t"); *string >= '0' && *string <= '9'; string++)
        value = value * 10 + (uint64_t)(*string - '0');
    return value;
}

bool gf_text_glob(const char *pattern, size_t length, const char *name) {
    const char *end = pattern + length;
    const char *star = NULL; /* the last * seen, and where in the name it stands for */
    const char *resume = NULL;
    while (*name) {
        if (pattern < end && *pattern == '*') {
            star = ++pattern;
            resume = name;
        } else if (pattern < end && (*pattern == '?' || *pattern == *name)) {
            pattern++;
            name++;
        } else if (star) {
            pattern = star;
            name = ++resume;
        } else {
            return false;
        }
    }
    while (pattern < end && *pattern == '*')
        pattern++;
    return pattern == end;
}

const char *gf_text_entry(const char **list, size_t *ret_length) {
    *list += strspn(*list, ", ");
    const char *entry = *list;
    size_t length = strcspn(entry, ",");
    *list += length;
    while (length > 0 && entry[length - 1] == ' ')
        length--;
    *ret_length = length;
    return length > 0 ? entry : NULL;
}

bool gf_text_any_glob(const char *patterns, const char *name) {
    size_t length = 0;
    for (const char *pattern; name[0] && (pattern = gf_text_entry(&patterns, &length));) {
        if (gf_text_glob(pattern, length, name))
            return true;
    }
    return false;
}

size_t gf_text_distance(const char *a, const char *b) {
    size_t a_length = strlen(a);
    size_t b_length = strlen(b);
    size_t row[33];
    if (a_length > 32 || b_length > 32)
        return SIZE_MAX;
    for (size_t j = 0; j <= b_length; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t replace = diagonal + (lower(a[i - 1]) != lower(b[j - 1]));
            size_t shorter = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = replace < shorter ? replace : shorter;
        }
    }
    return row[b_length];
}
