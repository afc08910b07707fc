/* SPDX-License-Identifier: Apache-2.0 */
/* An autoscaler at work in a simulation: replicas of a plan come and go. */
#ifndef SCALER_H
#define SCALER_H

#include "planned.h"

struct sim;
struct scaler;

/* NULL with the problem noted. */
struct scaler *scaler_create(struct sim *sim, const struct planned *planned);
void scaler_destroy(struct scaler *scaler);

/* When it next does something of its own, where something else happens at other_s; INFINITY: not
 * before that. */
double scaler_next_s(const struct scaler *scaler, double other_s);
/* More or fewer requests of a model of the plan are there. */
void scaler_count(struct scaler *scaler, uint32_t model, int64_t change);
/* At an instant, when everything that happened at it has been applied. */
bool scaler_act(struct scaler *scaler);

#endif
