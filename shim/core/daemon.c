#include "core/daemon.h"

#include "core/engine.h"
#include "process/self.h"

/* How often a child looks whether its parent is gone, if all else is as with a daemon. A parent
 * that exits at once is gone by the first time, on a busy machine by the next; workers that lead a
 * session of their own (RQ's) keep their parent. */
enum { LOOKS = 32 };

static struct {
    pid_t expected_by;
    int left;
} looks;

bool gf_daemon_possible(void) {
    const struct gf_session *s = &gf_session;
    return s->freezes == 0 && (s->deferred || looks.left > 0);
}

static void put_off(void) {
    struct gf_session *s = &gf_session;
    /* what came so far was counted against the threshold that ends now */
    if (s->freezes > 0 || s->runtime->count_new(GF_MOMENT_HOOK, s->config.min_new) < 0 ||
        s->runtime->put_off() != 0)
        return;
    s->deferred = true;
    gf_session_tell(GF_LOG_DEBUG, "this process went to the background: its collector is put off "
                                  "until it forks");
}

/* After a collection, in the parent or in the child, whoever is first. */
static bool look(void) {
    if (gf_self_kin() != GF_KIN_SAME || gf_self_pid() == looks.expected_by)
        return false;
    if (!gf_engine_begin())
        return true;
    looks.left = gf_self_in_first_session() ? 0 : looks.left - 1;
    bool gone = looks.left > 0 && gf_self_orphaned();
    if (gone) {
        looks.left = 0;
        put_off();
    }
    bool again = looks.left > 0;
    gf_engine_end();
    return again;
}

void gf_daemon_expect(void) {
    looks.expected_by = gf_self_pid();
    looks.left = gf_session.runtime->after_collection(look) == 0 ? LOOKS : 0;
}
