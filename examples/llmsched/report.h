/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the page that `compare --report` writes. */
#ifndef REPORT_H
#define REPORT_H

#include "compare.h"

/* Text with what HTML gives a meaning replaced. */
void html_text(FILE *file, const char *text);
/* A colour apart from its neighbours: number i of count. */
void html_colour(FILE *file, size_t i, size_t count);
/* A round step that cuts a range into about so many parts. */
double round_step(double range, int parts);

/* Shares of jobs by completion time, a line per policy, of the first seed. */
void report_curves(const struct comparison *comparison, FILE *file);
/* The start of the first seed's schedule, by executor and time. */
void report_gantt(const struct comparison *comparison, FILE *file);
/* The template of one application with what is uncertain about it. */
void report_graph(const struct comparison *comparison, FILE *file);

#endif
