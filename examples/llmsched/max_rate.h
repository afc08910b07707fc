/* SPDX-License-Identifier: Apache-2.0 */
/* How fast a plan is with nobody else there, and how much it sustains. */
#ifndef MAX_RATE_H
#define MAX_RATE_H

#include "evaluate.h"

/* Latencies of the jobs, each simulated alone on the plan as it starts. */
bool unloaded_latencies(const struct evaluation *evaluation, struct latencies *latencies);

/* Jobs per second at the highest rate at which the 95th percentile stays within the limit; 0: not
 * even alone. See docs/simulation.md, "Plans". */
bool max_rate(const struct evaluation *evaluation, double limit_s, double *rate);

#endif
