#include "html.h"

#include <stdarg.h>
#include <stdlib.h>

/* Colours are told apart by people with colour-blindness, and each has its name beside it. */
static const char style[] =
    ":root{color-scheme:light dark;--back:#fff;--panel:#f6f7f9;--text:#1c2026;--soft:#5b6470;"
    "--rule:#e1e4e8;--good:#0a7a4b;--bad:#b3470b;"
    "--c0:#6b7280;--c1:#0b6bcb;--c2:#c2540a;--c3:#0a8562;--c4:#7d4bd0;--c5:#4d3d00}\n"
    "@media(prefers-color-scheme:dark){:root{--back:#14171b;--panel:#1c2025;--text:#e8eaed;"
    "--soft:#a0a8b3;--rule:#31373f;--good:#4fd19b;--bad:#ffa765;"
    "--c0:#9aa3ae;--c1:#62b0ff;--c2:#ff9d57;--c3:#3fd0a4;--c4:#b99bff;--c5:#f0e14b}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0 auto;padding:2.2rem 1.2rem 3rem;max-width:58rem;background:var(--back);"
    "color:var(--text);font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',"
    "'DejaVu Sans',sans-serif;-webkit-text-size-adjust:100%}\n"
    "h1{font-size:1.75rem;line-height:1.2;margin:0 0 .8rem;text-wrap:balance;"
    "overflow-wrap:anywhere}\n"
    "h2{font-size:1.15rem;margin:2.6rem 0 .2rem}\n"
    "p{margin:.3rem 0 .9rem;max-width:44rem}\n"
    ".lead{font-size:1.1rem}.soft,footer{color:var(--soft);font-size:.9rem}\n"
    "code{font:.92em ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;"
    "overflow-wrap:anywhere}\n"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;margin:1.2rem 0;"
    "padding:.8rem 1rem;background:var(--panel);border-radius:.5rem;font-size:.92rem}\n"
    "dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}\n"
    ".tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(9.2rem,1fr));gap:.6rem;"
    "margin:1rem 0;padding:0;list-style:none}\n"
    ".tiles li{background:var(--panel);border-radius:.5rem;padding:.7rem .9rem}\n"
    ".tiles b{display:block;font-size:1.5rem;line-height:1.25;font-weight:600;"
    "font-variant-numeric:tabular-nums}\n"
    ".tiles span{color:var(--soft);font-size:.88rem}\n"
    ".scroll{overflow-x:auto;margin:.8rem 0}\n"
    "table{border-collapse:collapse;width:100%;font-size:.92rem;"
    "font-variant-numeric:tabular-nums}\n"
    "th,td{padding:.4rem .7rem;text-align:right;border-bottom:1px solid var(--rule);"
    "vertical-align:top}\n"
    "th{font-weight:600;white-space:nowrap}td{white-space:nowrap}\n"
    "th:first-child,td:first-child{text-align:left;padding-left:0;"
    "white-space:normal;min-width:6.6rem;position:sticky;left:0;background:var(--back)}\n"
    "th:last-child,td:last-child{padding-right:0}\n"
    ".words th,.words td{text-align:left}.words .number{text-align:right}\n"
    ".words td.long{white-space:normal;min-width:11rem}\n"
    "small{display:block;font-size:.85em;color:var(--soft)}\n"
    ".good{color:var(--good)}.bad{color:var(--bad)}\n"
    ".key::before{content:'';display:inline-block;width:.7em;height:.7em;border-radius:50%;"
    "background:var(--c);margin-right:.4em}\n"
    ".bar{display:block;height:.55rem;border-radius:.3rem;background:var(--c);margin-top:.45rem;"
    "min-width:2px}\n"
    ".notes{background:var(--panel);border-left:3px solid var(--bad);padding:.6rem 1rem;"
    "margin:1rem 0;font-size:.92rem;list-style:none;overflow-wrap:anywhere}\n"
    "svg{display:block;width:100%;height:auto;margin:.6rem 0;overflow:visible}\n"
    "svg text{font-size:12.5px;fill:var(--text)}svg .label,svg .title{fill:var(--soft)}\n"
    "svg .name{fill:var(--c);font-weight:600}svg .value{fill:var(--text);font-weight:400}\n"
    ".grid{stroke:var(--rule)}.track{stroke:var(--rule)}.axis,.tick{stroke:var(--soft)}\n"
    ".line{fill:none;stroke:var(--c);stroke-width:2.2;stroke-linejoin:round}\n"
    ".leader{fill:none;stroke:var(--c);stroke-width:1;opacity:.55}\n"
    ".band{fill:var(--c);opacity:.14}.dot{fill:var(--c);fill-opacity:.5}\n"
    ".mean{stroke:var(--c);stroke-width:2.5}\n"
    ".c0{--c:var(--c0)}.c1{--c:var(--c1)}.c2{--c:var(--c2)}.c3{--c:var(--c3)}.c4{--c:var(--c4)}"
    ".c5{--c:var(--c5)}\n"
    "svg.narrow{display:none;max-width:30rem}\n"
    "@media(max-width:43rem){body{padding-top:1.2rem;font-size:15px}h1{font-size:1.4rem}"
    "svg.wide{display:none}svg.narrow{display:block}"
    "dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.4rem}th,td{padding:.35rem .45rem}}\n"
    "@media print{svg.wide{display:block}svg.narrow{display:none}h2{break-after:avoid}"
    "svg,tr{break-inside:avoid}}\n";

void gf_html_begin(FILE *stream, const char *title) {
    fputs("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
          "<meta name=\"generator\" content=\"gcfreeze " GF_VERSION "\">\n<title>",
          stream);
    gf_html_text(stream, title);
    fprintf(stream, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<h1>", style);
    gf_html_text(stream, title);
    fputs("</h1>\n", stream);
}

void gf_html_end(FILE *stream) {
    fputs("</body>\n</html>\n", stream);
}

/* The length of the UTF-8 sequence there; 0 if it is none. */
static size_t sequence(const char *text) {
    const unsigned char *c = (const unsigned char *)text;
    size_t length = c[0] < 0x80                   ? 1
                    : c[0] >= 0xc2 && c[0] < 0xe0 ? 2
                    : c[0] >= 0xe0 && c[0] < 0xf0 ? 3
                    : c[0] >= 0xf0 && c[0] < 0xf5 ? 4
                                                  : 0;
    for (size_t i = 1; i < length; i++) {
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    }
    /* overlong forms, surrogates, beyond U+10FFFF */
    if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f) ||
        (c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] > 0x8f))
        return 0;
    return length;
}

void gf_html_text(FILE *stream, const char *text) {
    while (*text) {
        size_t length = sequence(text);
        if (length == 0) {
            fputs("\xef\xbf\xbd", stream);
            length = 1;
        } else if (*text == '&') {
            fputs("&amp;", stream);
        } else if (*text == '<') {
            fputs("&lt;", stream);
        } else if (*text == '>') {
            fputs("&gt;", stream);
        } else if (*text == '"') {
            fputs("&quot;", stream);
        } else if (*text == '\'') {
            fputs("&#39;", stream);
        } else if (length == 1 && ((unsigned char)*text < 0x20 || *text == 0x7f)) {
            fputc(*text == '\n' ? '\n' : ' ', stream);
        } else {
            fwrite(text, 1, length, stream);
        }
        text += length;
    }
}

void gf_html_print(FILE *stream, const char *format, ...) {
    va_list arguments;
    char *text = NULL;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    gf_html_text(stream, text);
    free(text);
}

void gf_html_section(FILE *stream, const char *title, const char *explanation) {
    fputs("<h2>", stream);
    gf_html_text(stream, title);
    fputs("</h2>\n", stream);
    if (!explanation)
        return;
    fputs("<p class=\"soft\">", stream);
    gf_html_text(stream, explanation);
    fputs("</p>\n", stream);
}
