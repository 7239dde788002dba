#include "core/pace.h"

#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "core/budget.h"

static const int64_t period_us = 500000;
static const int64_t idle_percent = 1;
static const int64_t idle_slice_us = 3000;
static const int64_t slice_us = 1000;
static const int64_t refault_us = 4;      /* of a page that is given back and used again */
static const int64_t overdue_us = 100000; /* most servers wait more often than that */
static const int64_t few_waits_share = 4; /* calm: waited a quarter of the time it used at most */

static struct {
    enum { BUSY, CALM, IDLE } load;
    int64_t saved_us;         /* credit at most */
    struct gf_budget elapsed; /* of the time that goes by */
    struct gf_budget used;    /* of the time that the process works */
    int64_t look_us;          /* before that no slice may be made, whatever happens */
    int64_t allowed_us;       /* since when one may; 0: none may */
    int64_t since_us;         /* this period began then */
    int64_t since_cpu_us;     /* what had been used by then, and by slices since */
    int64_t since_delay_us;   /* how long this thread had waited for a processor */
} pace;

/* The second number of schedstat (Documentation/scheduler/sched-stats.rst), in nanoseconds. -1: the
 * kernel does not tell. */
static int64_t delay_us(void) {
    char line[128];
    if (!gf_file_read("/proc/thread-self/schedstat", line, sizeof line))
        return -1;
    const char *space = strchr(line, ' ');
    return space ? (int64_t)(gf_text_number(space + 1) / 1000) : -1;
}

void gf_pace_start(int64_t now, int64_t interval_us) {
    memset(&pace, 0, sizeof pace);
    pace.saved_us = interval_us * GF_BUDGET_PERCENT / 100;
    pace.since_us = now;
    pace.since_cpu_us = gf_clock_cpu_us();
    pace.since_delay_us = delay_us();
    gf_budget_start(&pace.elapsed, now);
    gf_budget_start(&pace.used, pace.since_cpu_us);
}

static void judge(int64_t now) {
    const int64_t elapsed = now - pace.since_us;
    if (elapsed < period_us)
        return;
    const int64_t cpu_us = gf_clock_cpu_us(), used = cpu_us - pace.since_cpu_us;
    const int64_t delay = delay_us(), waited = delay - pace.since_delay_us;
    const bool known = delay >= 0 && pace.since_delay_us >= 0 && waited >= 0;
    if (used * 100 < elapsed * idle_percent)
        pace.load = IDLE;
    else
        pace.load = known && waited * few_waits_share < used ? CALM : BUSY;
    pace.since_us = now;
    pace.since_cpu_us = cpu_us;
    pace.since_delay_us = delay;
}

int64_t gf_pace_wait(int64_t now) {
    if (now < pace.look_us)
        return pace.look_us - now;
    gf_budget_earn(&pace.elapsed, now, pace.saved_us);
    gf_budget_earn(&pace.used, gf_clock_cpu_us(), pace.saved_us);
    judge(now);
    int64_t wait = gf_budget_wait(&pace.elapsed);
    if (pace.load == BUSY) {
        /* until it has worked for it, or is seen to be idle */
        int64_t work = gf_budget_wait(&pace.used), period = pace.since_us + period_us - now;
        int64_t either = work < period ? work : period;
        wait = wait > either ? wait : either;
    }
    pace.look_us = now + wait;
    if (wait > 0)
        pace.allowed_us = 0;
    else if (pace.allowed_us == 0)
        pace.allowed_us = now;
    return wait;
}

bool gf_pace_is_overdue(int64_t now) {
    return pace.allowed_us != 0 && now - pace.allowed_us >= overdue_us;
}

bool gf_pace_is_idle(void) {
    return pace.load == IDLE;
}

static int64_t most_us(void) {
    return pace.load == IDLE ? idle_slice_us : slice_us;
}

int64_t gf_pace_slice_us(int64_t now) {
    judge(now);
    return most_us();
}

/* What counts is the processor's time: a slice that lost its processor has not taken more. */
void gf_pace_spent(int64_t used_us, uint64_t given, bool disturbed) {
    const int64_t again = pace.load == IDLE ? 0 : (int64_t)given * refault_us;
    const int64_t spent = disturbed && used_us < most_us() ? most_us() : used_us;
    pace.elapsed.credit -= spent + (pace.load == CALM ? again : 0);
    if (pace.load == BUSY)
        pace.used.credit -= spent + again;
    pace.since_cpu_us += used_us;
    pace.allowed_us = pace.look_us = 0;
}
