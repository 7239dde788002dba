/* The library's status in another process, whose memory may hold anything: whoever runs `gcfreeze
 * top` as root looks at the processes of others. Input: the memory from where the library is said
 * to start.
 *
 * - What is read is no older library's rest, and its texts can be printed anywhere.
 * - JSON stays JSON, and metrics have as many lines as with a status that is in order. */
#include <ctype.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "figures.h"
#include "fuzz.h"
#include "page.h"
#include "support/guard.h"

enum { MOST = 8192 };

static char *print(void (*print_view)(FILE *, const struct gf_view *), struct gf_member *member) {
    char *text = NULL;
    size_t size = 0;
    struct gf_tree tree = {.members = member, .count = 1, .group_kib = -1};
    struct gf_view view = {.trees = &tree, .count = 1};
    FILE *stream = open_memstream(&text, &size);
    if (!stream)
        abort();
    print_view(stream, &view);
    fclose(stream);
    return text;
}

static size_t lines_of_metrics(struct gf_member *member) {
    char *text = print(gf_prometheus_print, member);
    size_t lines = 0;
    for (const char *at = text; (at = strchr(at, '\n')); at++)
        lines++;
    free(text);
    return lines;
}

static void check_printed(const struct gcfreeze_page *page) {
    struct gf_member member = {.answer = GF_PAGE_READ, .page = *page};
    member.process.pid = getpid();
    char *json = print(gf_json_print, &member);
    cJSON *parsed = cJSON_ParseWithOpts(json, NULL, 0);
    GF_FUZZ_CHECK(parsed != NULL);
    cJSON_Delete(parsed);
    free(json);

    struct gf_member plain = member;
    strcpy(plain.page.status.python, "3.13.0");
    GF_FUZZ_CHECK(lines_of_metrics(&member) == lines_of_metrics(&plain));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char *end;
    struct gcfreeze_page page;
    if (!end)
        end = (char *)gf_guard_map(MOST) + MOST;
    if (size == 0 || size > MOST)
        return 0;
    memcpy(end - size, data, size);
    uint64_t library = (uintptr_t)(end - size);
    uint64_t address = gf_page_find(getpid(), library);
    if (!address)
        return 0;
    memset(&page, 0xaa, sizeof page);
    enum gf_page_answer answer = gf_page_fetch(getpid(), address, &page);
    if (answer != GF_PAGE_READ && answer != GF_PAGE_PARENTS)
        return 0;
    const char *python = page.status.python;
    GF_FUZZ_CHECK(memchr(python, '\0', sizeof page.status.python) != NULL);
    for (; *python; python++)
        GF_FUZZ_CHECK(isprint((unsigned char)*python) && *python != '"' && *python != '\\');
    check_printed(&page);
    return 0;
}
