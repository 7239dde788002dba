/* Prints the tables of the man page from the rows that the library itself is made of. */
#include <stdio.h>

#include "gcfreeze.h"

static const struct {
    const char *name, *default_text, *values, *meaning;
} knobs[] = {
#define KNOB(field, kind, name, default_text, lower, upper, values, meaning)                       \
    {name, default_text, values, meaning},
#include "core/knobs.def"
#undef KNOB
};

static const struct {
    const char *word, *meaning;
} reasons[] = {
#define REASON(identifier, word, meaning) {word, meaning},
    GCFREEZE_REASONS(REASON)
#undef REASON
};

/* Hyphens that are to be typed and copied, not typeset. */
static void print(const char *text) {
    for (; *text; text++) {
        if (*text == '-')
            putchar('\\');
        putchar(*text);
    }
}

int main(void) {
    puts(
        ".SH ENVIRONMENT\nRead once, when the library is loaded. Values are case\\-insensitive; "
        "switches take 0/1, on/off, true/false and yes/no. A bad value or an unknown name gets one "
        "line that says what is allowed, and the default is used.");
    for (size_t i = 0; i < sizeof knobs / sizeof *knobs; i++) {
        printf(".TP\n.B %s\n", knobs[i].name);
        print(knobs[i].meaning);
        printf(".\nAllowed:\n.IR \"");
        print(knobs[i].values);
        printf("\" ;\ndefault:\n.IR ");
        print(knobs[i].default_text[0] ? knobs[i].default_text : "empty");
        puts(" .");
    }
    puts(".SH REASONS\nEvery fork, and every pass over copied pages, is logged with one of these "
         "words.");
    for (size_t i = 1; i < sizeof reasons / sizeof *reasons; i++) {
        printf(".TP\n.B ");
        print(reasons[i].word);
        putchar('\n');
        print(reasons[i].meaning);
        putchar('\n');
    }
    return fflush(stdout) == 0 ? 0 : 1;
}
