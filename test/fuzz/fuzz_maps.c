/* /proc/PID/maps of a process that anybody may have written, since paths are in it. Input: the
 * file.
 *
 * - Copies are sorted, each once.
 * - What is written back as lines of such a file, is read as the same. */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "maps.h"
#include "support/opened.h"

static void check_sorted(const struct gf_snapshots *snapshots) {
    for (size_t i = 0; i < snapshots->count; i++) {
        GF_FUZZ_CHECK(snapshots->list[i].kib >= 0);
        GF_FUZZ_CHECK(i == 0 || snapshots->list[i - 1].inode < snapshots->list[i].inode);
    }
    GF_FUZZ_CHECK(gf_snapshots_kib(snapshots) >= 0);
}

static void check_reads_back(const struct gf_maps *maps) {
    char *text = NULL;
    size_t size = 0;
    struct gf_maps again;
    FILE *stream = open_memstream(&text, &size);
    if (!stream)
        abort();
    fputs("0-0 r--p 0 00:00 0\n", stream); /* so that it is never empty */
    for (size_t i = maps->snapshots.count; i-- > 0;) {
        const struct gf_snapshot *one = &maps->snapshots.list[i];
        fprintf(stream,
                "1000-%" PRIx64 " r--s 0 00:01 %" PRIu64 " " GF_MAPS_SNAPSHOT " (deleted)\n",
                0x1000 + (uint64_t)one->kib * 1024, one->inode);
    }
    if (maps->library)
        fprintf(stream, "%" PRIx64 "-%" PRIx64 " r--p 0 08:01 1 /a b/libgcfreeze.so.0\n",
                maps->library, UINT64_MAX);
    fclose(stream);
    gf_opened_set("/maps", text, size);
    GF_FUZZ_CHECK(gf_maps_read(getpid(), &again));
    GF_FUZZ_CHECK(again.library == maps->library);
    GF_FUZZ_CHECK(again.snapshots.count == maps->snapshots.count);
    for (size_t i = 0; i < again.snapshots.count; i++)
        GF_FUZZ_CHECK(again.snapshots.list[i].inode == maps->snapshots.list[i].inode &&
                      again.snapshots.list[i].kib == maps->snapshots.list[i].kib);
    gf_snapshots_release(&again.snapshots);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct gf_maps maps;
    gf_opened_set("/maps", data, size);
    if (!gf_maps_read(getpid(), &maps))
        return 0;
    check_sorted(&maps.snapshots);
    check_reads_back(&maps);
    gf_snapshots_release(&maps.snapshots);
    return 0;
}
