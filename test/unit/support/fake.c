#include "support/fake.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "support/child.h"

struct gf_fake gf_fake;

/* Every call leaves another errno behind: what the host sees must be its own. */
static int record(const char *call) {
    size_t length = strlen(gf_fake.calls);
    assert_true(length + strlen(call) + 2 < sizeof gf_fake.calls);
    snprintf(gf_fake.calls + length, sizeof gf_fake.calls - length, "%s%s", length ? " " : "",
             call);
    if (gf_fake.during)
        gf_fake.during(call);
    errno = ENOTTY;
    return gf_fake.failing && strcmp(gf_fake.failing, call) == 0 ? -1 : 0;
}

static enum gcfreeze_reason find(void) {
    record("find");
    return gf_fake.found;
}

static enum gcfreeze_reason attach(enum gf_moment moment, const struct gf_attach_options *options,
                                   void (*before)(void), void (*gone)(void)) {
    record("attach");
    gf_fake.moment = moment;
    gf_fake.options = *options;
    if (gf_fake.attached == GCFREEZE_REASON_NONE) {
        gf_fake.before = before;
        gf_fake.gone = gone;
    }
    return gf_fake.attached;
}

static enum gcfreeze_reason enter(enum gf_moment moment, struct gf_entry *ret) {
    record("enter");
    gf_fake.moment = moment;
    *ret = (struct gf_entry){.caller = gf_fake.caller};
    return gf_fake.entered;
}

static void leave(struct gf_entry *entry) {
    (void)entry;
    record("leave");
}

static void reenter(struct gf_entry *entry) {
    (void)entry;
    record("reenter");
}

static int suspend(bool *ret_enabled) {
    *ret_enabled = true;
    return record("suspend");
}

static int resume(bool enabled) {
    assert_true(enabled);
    return record("resume");
}

static int lift(void) {
    return record("lift");
}

static int put_off(void) {
    return record("put_off");
}

static long count_new(enum gf_moment moment, long min_new) {
    (void)moment;
    (void)min_new;
    record("count");
    return gf_fake.count;
}

static bool freezes_in(enum gf_moment moment) {
    return !gf_fake.hook_only || moment == GF_MOMENT_HOOK;
}

static int freeze(enum gf_moment moment) {
    gf_fake.moment = moment;
    return record("freeze");
}

static bool frozen_by_application(enum gf_moment moment) {
    (void)moment;
    return gf_fake.own_freeze;
}

static void thaw_at_exit(void) {
    record("thaw");
}

static int collect(void) {
    return record("collect");
}

static void callers(enum gf_moment moment, char *buffer, size_t size) {
    (void)moment;
    snprintf(buffer, size, "%s", gf_fake.callers ? gf_fake.callers : "");
}

static const char *immortal_obstacle(void) {
    return gf_fake.immortal ? NULL : "is not done by a fake";
}

static long count_handed(long most) {
    record("handed");
    return gf_fake.handed < most ? gf_fake.handed : most;
}

static bool weigh(bool handed, struct gf_balance *ret) {
    gf_fake.asked_for_handed = handed;
    *ret = gf_fake.balance;
    return record("weigh") == 0;
}

static long immortalize(bool handed, bool *ret_complete) {
    gf_fake.asked_for_handed &= handed;
    *ret_complete = true;
    record("immortalize");
    return 1000;
}

static bool take(struct gf_entry *ret) {
    *ret = (struct gf_entry){0};
    return record("take") == 0;
}

static bool take_free(struct gf_entry *ret) {
    *ret = (struct gf_entry){0};
    return record("take_free") == 0;
}

static long share(void *object, bool *ret_complete) {
    *ret_complete = object != gf_fake.too_large;
    record("share");
    return 7;
}

static const char *warm_up_obstacle(enum gf_moment moment) {
    (void)moment;
    return gf_fake.cold;
}

static bool warm_up(const struct gf_warmup *warmup, struct gf_warmed *ret) {
    gf_fake.warmup = *warmup;
    warmup->tell("warm-up: /x is left out");
    *ret = (struct gf_warmed){2, 1, 30, 40, 4096, "200:1 function:1"};
    return record("warm_up") == 0;
}

static void cool(void) {
    record("cool");
}

static bool watch_arenas(void) {
    return gf_fake.arenas;
}

static const char *version(void) {
    if (gf_fake.at_version)
        gf_fake.at_version();
    return gf_fake.version;
}

static const char *remark(void) {
    return gf_fake.remark;
}

static bool waits_for_python(const void *code) {
    (void)code;
    return !gf_fake.foreign;
}

static bool waits_in_host(const void *code) {
    (void)code;
    return gf_fake.in_host;
}

static bool unwinding(void) {
    return gf_fake.unwinding;
}

const struct gf_runtime gf_fake_runtime = {
    .find = find,
    .attach = attach,
    .enter = enter,
    .leave = leave,
    .reenter = reenter,
    .suspend = suspend,
    .resume = resume,
    .lift = lift,
    .put_off = put_off,
    .count_new = count_new,
    .freezes_in = freezes_in,
    .freeze = freeze,
    .frozen_by_application = frozen_by_application,
    .thaw_at_exit = thaw_at_exit,
    .collect = collect,
    .callers = callers,
    .immortal_obstacle = immortal_obstacle,
    .count_handed = count_handed,
    .weigh = weigh,
    .immortalize = immortalize,
    .share = share,
    .take = take,
    .take_free = take_free,
    .warm_up_obstacle = warm_up_obstacle,
    .warm_up = warm_up,
    .cool = cool,
    .watch_arenas = watch_arenas,
    .waits_for_python = waits_for_python,
    .waits_in_host = waits_in_host,
    .version = version,
    .remark = remark,
    .unwinding = unwinding,
};

void gf_fake_start(char *const *environment) {
    gf_fake_start_program((char *[]){"python3", "/srv/gunicorn", NULL}, environment);
}

void gf_fake_start_program(char *const *argv, char *const *environment) {
    static char *kept[8];
    struct gf_host host = {.library = "libgcfreeze.so", .argv = kept, .environment = environment};
    for (; argv[host.argc]; host.argc++)
        kept[host.argc] = argv[host.argc];
    kept[host.argc] = NULL;
    gf_fake = (struct gf_fake){
        .caller = GF_CALLER_OS_FORK,
        .count = 1000,
        .version = "3.13.5",
        .unwinding = true,
        .child = 4242,
    };
    gf_engine_start(&gf_fake_runtime, &host);
}

pid_t gf_fake_real(void *arguments) {
    (void)arguments;
    gf_fake.errno_at_fork = errno;
    record("real");
    if (gf_fake.forks)
        return fork();
    errno = gf_fake.error;
    return gf_fake.child;
}

pid_t gf_fake_fork(void) {
    gf_fake.calls[0] = '\0';
    return gf_engine_fork(gf_fake_real, NULL);
}

pid_t gf_fake_os_fork(void) {
    gf_fake.calls[0] = '\0';
    if (gf_fake.before)
        gf_fake.before();
    return gf_engine_fork(gf_fake_real, NULL);
}

const char *gf_fake_calls(void) {
    static char calls[sizeof gf_fake.calls];
    strcpy(calls, gf_fake.calls);
    gf_fake.calls[0] = '\0';
    return calls;
}

struct gcfreeze_status gf_fake_status(void) {
    return gcfreeze_page.status;
}
