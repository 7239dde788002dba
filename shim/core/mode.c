#include "core/mode.h"

#include "base/text.h"
#include "core/hosts.h"
#include "core/session.h"
#include "process/self.h"

enum { CALLERS_SIZE = 1024 };

/* Up to three parts of a sentence. */
static void set(bool immortal, const char *why, const char *more, const char *end) {
    struct gcfreeze_status *status = &gcfreeze_page.status;
    struct gf_text mode, text;
    gf_session.immortal = immortal;
    gf_text_init(&mode, status->mode, sizeof status->mode);
    gf_text_add(&mode, immortal ? "immortal" : "freeze");
    gf_text_init(&text, status->mode_why, sizeof status->mode_why);
    gf_text_add(&text, why);
    gf_text_add(&text, more);
    gf_text_add(&text, end);
}

static void choose_immortal(void) {
    static const char setting[] = "GCFREEZE_MODE=immortal";
    const char *obstacle = gf_session.runtime->immortal_obstacle();
    char buffer[192];
    struct gf_text line;
    if (!obstacle) {
        set(true, setting, "", "");
        return;
    }
    set(false, setting, " ", obstacle);
    gf_text_init(&line, buffer, sizeof buffer);
    gf_text_add(&line, gcfreeze_page.status.mode_why);
    gf_text_add(&line, "; freezing alone");
    gf_session_tell(GF_LOG_WARN, line.data);
}

static void choose_auto(const struct gf_host_row *row) {
    struct gf_session *s = &gf_session;
    char why[64];
    struct gf_text text;
    if (!row) {
        set(false, "auto: not a server that is known", "", "");
        return;
    }
    enum gf_preloads preloads = gf_host_preloads(row, s->argc, s->argv, NULL);
    gf_text_init(&text, why, sizeof why);
    gf_text_add(&text, "auto: ");
    gf_text_add(&text, row->name);
    gf_text_add_char(&text, ' ');
    gf_text_add(&text, gf_host_habit(row, preloads));
    bool wanted = gf_host_preforks(row) && preloads != GF_PRELOADS_NOT;
    const char *obstacle = wanted ? s->runtime->immortal_obstacle() : NULL;
    s->mode_settled = obstacle != NULL; /* no caller changes that */
    set(wanted && !obstacle, why, obstacle ? "; immortal " : "", obstacle ? obstacle : "");
}

void gf_mode_choose(void) {
    gf_session.mode_settled = false;
    switch ((enum gf_mode)gf_session.config.mode) {
    case GF_MODE_AUTO:
        choose_auto(gf_session.row);
        break;
    case GF_MODE_FREEZE:
        set(false, "GCFREEZE_MODE=freeze", "", "");
        break;
    case GF_MODE_IMMORTAL:
        choose_immortal();
        break;
    }
}

void gf_mode_reconsider(enum gf_moment moment) {
    struct gf_session *s = &gf_session;
    char callers[CALLERS_SIZE];
    if (s->config.mode != GF_MODE_AUTO || s->immortal || s->mode_settled)
        return;
    s->runtime->callers(moment, callers, sizeof callers);
    const struct gf_host_row *row = gf_hosts_find_caller(callers, s->row);
    if (row != s->row)
        choose_auto(row);
}

void gf_mode_only_freeze(const struct gf_balance *balance) {
    enum { MEGABYTE = 1 << 20 };
    char buffer[192];
    struct gf_text line;
    gf_text_init(&line, buffer, sizeof buffer);
    gf_text_add(&line, "replaced ");
    gf_text_add_long(&line, balance->lost / MEGABYTE);
    gf_text_add(&line, " MB of what was made immortal, which is never freed, and has ");
    gf_text_add_long(&line, balance->live / MEGABYTE);
    gf_text_add(&line, " MB in use");
    set(false, line.data, "", "");
    gf_session.mode_settled = true;
    gf_text_init(&line, buffer, sizeof buffer);
    gf_text_add(&line, "from now on this process only freezes: it ");
    gf_text_add(&line, gcfreeze_page.status.mode_why);
    gf_session_tell(GF_LOG_INFO, line.data);
}
