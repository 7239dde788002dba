/* gcfreeze report: a log of events as a page. */
#ifndef GF_CLI_REPORT_H
#define GF_CLI_REPORT_H

#include "events.h"

/* `name` is the log's. There is at least one event. */
void gf_report_print_page(const struct gf_events *events, const char *name, FILE *stream);

/* Its tables, for the page above. */
void gf_report_print_reasons(const struct gf_events *events, FILE *stream);
void gf_report_print_warmups(const struct gf_events *events, FILE *stream);
void gf_report_print_freezes(const struct gf_events *events, FILE *stream);
void gf_report_print_processes(const struct gf_events *events, FILE *stream);
void gf_report_print_messages(const struct gf_events *events, FILE *stream);

#endif
