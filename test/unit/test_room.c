/* Room for a copy: limits of the process, and of control groups that a test makes up. */
#include "support/child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pages/room.h"
#include "support/deny.h"

enum { MB = 1 << 20 };

static void expect(enum gcfreeze_reason expected, size_t file, size_t memory) {
    assert_string_equal(gcfreeze_reason_name((int32_t)gf_room_for(file, memory)),
                        gcfreeze_reason_name((int32_t)expected));
}

/* ---- the process ---- */

static void a_process_without_limits_has_room(void **state) {
    (void)state;
    expect(GCFREEZE_REASON_NONE, MB, 4096); /* a page, whatever group the test runs in */
}

static void a_file_may_be_as_large_as_the_limit(void **state) {
    (void)state;
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = MB;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    expect(GCFREEZE_REASON_NONE, MB, 4096);
    expect(GCFREEZE_REASON_FILE_SIZE_LIMIT, MB + 1, 4096);
}

static size_t address_space(void) {
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu", &pages), 1);
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void limit_addresses(size_t more) {
    const struct rlimit limit = {address_space() + more, RLIM_INFINITY};
    assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
}

static void expect_mappings(enum gcfreeze_reason expected, size_t size) {
    assert_string_equal(gcfreeze_reason_name((int32_t)gf_room_for_mappings(size)),
                        gcfreeze_reason_name((int32_t)expected));
}

static void half_of_the_addresses_that_are_left_may_be_used(void **state) {
    (void)state;
    limit_addresses((size_t)20 * MB);
    expect_mappings(GCFREEZE_REASON_NONE, (size_t)9 * MB);
    expect_mappings(GCFREEZE_REASON_NO_ROOM, (size_t)11 * MB);
}

static void nothing_is_mapped_where_nobody_tells_what_is_left(void **state) {
    (void)state;
    gf_deny(SYS_openat, ENOENT);
    expect_mappings(GCFREEZE_REASON_NO_PROC, MB);
}

static void locked_memory_is_not_replaced(void **state) {
    (void)state;
    void *memory = mmap(NULL, MB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED);
    expect_mappings(GCFREEZE_REASON_NONE, MB);
    /* everybody may lock a page; by the system call, because sanitizers take the function away */
    assert_int_equal(syscall(SYS_mlock, memory, 4096), 0);
    expect_mappings(GCFREEZE_REASON_LOCKED_MEMORY, MB);
}

static void locked_memory_is_seen_behind_thousands_of_groups(void **state) {
    static gid_t groups[3000];
    const size_t count = sizeof groups / sizeof *groups;
    (void)state;
    for (size_t i = 0; i < count; i++)
        groups[i] = (gid_t)(10000 + i);
    if (setgroups(count, groups) != 0)
        skip(); /* for root alone */
    locked_memory_is_not_replaced(NULL);
}

static void without_limits_nobody_need_tell(void **state) {
    (void)state;
    gf_deny(SYS_openat, ENOENT);
    expect(GCFREEZE_REASON_NONE, MB, (size_t)1 << 40);
}

/* ---- control groups ---- */

static void make(const char *format, ...) {
    char path[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(path, sizeof path, format, arguments);
    va_end(arguments);
    assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
}

static void put(const char *folder, const char *name, const char *content) {
    char path[512];
    snprintf(path, sizeof path, "/sys/fs/cgroup%s/%s", folder, name);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(file >= 0);
    assert_int_equal(write(file, content, strlen(content)), strlen(content));
    close(file);
}

static bool tell(const char *file, const char *text) {
    int descriptor = open(file, O_WRONLY);
    bool told = descriptor >= 0 && write(descriptor, text, strlen(text)) > 0;
    close(descriptor);
    return told;
}

/* An ordinary user becomes root in there, or nobody would own what is made. */
static bool in_own_users_namespace(void) {
    char user[64], group[64];
    snprintf(user, sizeof user, "0 %u 1", getuid());
    snprintf(group, sizeof group, "0 %u 1", getgid());
    return unshare(CLONE_NEWUSER) == 0 && tell("/proc/self/uid_map", user) &&
           tell("/proc/self/setgroups", "deny") && tell("/proc/self/gid_map", group);
}

static bool in_own_namespace(void) {
    return (getuid() == 0 || in_own_users_namespace()) && unshare(CLONE_NEWNS) == 0 &&
           mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("none", "/sys/fs/cgroup", "tmpfs", 0, NULL) == 0;
}

/* From here on the kernel says that this process is in these groups. Skips where nobody may. */
static void be_in_groups(const char *lines) {
    if (!in_own_namespace()) {
        print_message("skipped: no mount namespace can be made here\n");
        skip();
    }
    put("", "groups", lines);
    assert_int_equal(mount("/sys/fs/cgroup/groups", "/proc/self/cgroup", NULL, MS_BIND, NULL), 0);
}

static void limit_v2(const char *folder, const char *limit, const char *used) {
    make("/sys/fs/cgroup%s", folder);
    put(folder, "memory.max", limit);
    put(folder, "memory.current", used);
}

static void a_limit_of_version_2(void **state) {
    (void)state;
    be_in_groups("0::/web\n");
    limit_v2("/web", "104857600\n", "83886080\n"); /* 100 MB, 80 MB */
    expect(GCFREEZE_REASON_NONE, MB, (size_t)20 * MB);
    expect(GCFREEZE_REASON_NO_ROOM, MB, (size_t)20 * MB + 1);
}

static void max_is_no_limit(void **state) {
    (void)state;
    be_in_groups("0::/web\n");
    limit_v2("/web", "max\n", "83886080\n");
    expect(GCFREEZE_REASON_NONE, MB, (size_t)1 << 40);
}

static void groups_above_limit_too(void **state) {
    (void)state;
    be_in_groups("0::/all/web/one\n");
    limit_v2("/all", "104857600\n", "83886080\n");
    make("/sys/fs/cgroup/all/web");
    limit_v2("/all/web/one", "max\n", "1\n");
    expect(GCFREEZE_REASON_NONE, MB, (size_t)20 * MB);
    expect(GCFREEZE_REASON_NO_ROOM, MB, (size_t)21 * MB);
}

static void a_container_sees_its_own_group_as_the_root(void **state) {
    (void)state;
    be_in_groups("0::/\n");
    limit_v2("", "104857600\n", "83886080\n");
    expect(GCFREEZE_REASON_NO_ROOM, MB, (size_t)21 * MB);
    expect(GCFREEZE_REASON_NONE, MB, (size_t)20 * MB);
}

static void a_path_that_is_not_there_limits_nothing(void **state) {
    (void)state;
    be_in_groups("0::/../somebody/elses\n");
    expect(GCFREEZE_REASON_NONE, MB, (size_t)1 << 40);
}

static void cached_files_make_room(void **state) {
    (void)state;
    be_in_groups("0::/web\n");
    limit_v2("/web", "104857600\n", "104857600\n");
    put("/web", "memory.stat",
        "anon 50000000\nfile 54857600\ninactive_anon 7\nactive_anon 7\n"
        "inactive_file 10485760\nactive_file 5242880\nunevictable 99999999\n");
    expect(GCFREEZE_REASON_NONE, MB, (size_t)15 * MB);
    expect(GCFREEZE_REASON_NO_ROOM, MB, (size_t)16 * MB);
}

static void a_limit_of_version_1(void **state) {
    (void)state;
    be_in_groups("9:cpu,cpuacct:/other\n4:memory:/web\n1:name=systemd:/\n0::/\n");
    make("/sys/fs/cgroup/memory");
    make("/sys/fs/cgroup/memory/web");
    put("/memory", "memory.limit_in_bytes", "9223372036854771712\n");
    put("/memory", "memory.usage_in_bytes", "99999999999\n");
    put("/memory/web", "memory.limit_in_bytes", "104857600\n");
    put("/memory/web", "memory.usage_in_bytes", "83886080\n");
    expect(GCFREEZE_REASON_NONE, MB, (size_t)20 * MB);
    expect(GCFREEZE_REASON_NO_ROOM, MB, (size_t)21 * MB);
}

static void a_very_long_path_is_survived(void **state) {
    static char lines[3000];
    (void)state;
    strcpy(lines, "0::");
    for (size_t i = 3; i < sizeof lines - 2; i++)
        lines[i] = i % 50 == 3 ? '/' : 'x';
    lines[sizeof lines - 2] = '\n';
    be_in_groups(lines);
    limit_v2("", "104857600\n", "83886080\n");
    expect(GCFREEZE_REASON_NONE, MB, (size_t)20 * MB);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_without_limits_has_room),
        cmocka_unit_test(a_file_may_be_as_large_as_the_limit),
        cmocka_unit_test(half_of_the_addresses_that_are_left_may_be_used),
        cmocka_unit_test(nothing_is_mapped_where_nobody_tells_what_is_left),
        cmocka_unit_test(locked_memory_is_not_replaced),
        cmocka_unit_test(locked_memory_is_seen_behind_thousands_of_groups),
        cmocka_unit_test(without_limits_nobody_need_tell),
        cmocka_unit_test(a_limit_of_version_2),
        cmocka_unit_test(max_is_no_limit),
        cmocka_unit_test(groups_above_limit_too),
        cmocka_unit_test(a_container_sees_its_own_group_as_the_root),
        cmocka_unit_test(a_path_that_is_not_there_limits_nothing),
        cmocka_unit_test(cached_files_make_room),
        cmocka_unit_test(a_limit_of_version_1),
        cmocka_unit_test(a_very_long_path_is_survived),
    };
    return gf_test_each_in_child(tests, sizeof tests / sizeof *tests);
}
