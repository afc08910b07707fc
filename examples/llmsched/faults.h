/* SPDX-License-Identifier: Apache-2.0 */
/* What goes wrong in a simulation (docs/simulation.md, "Faults"): drawn from a seed alone, so that
 * every policy meets the same. */
#ifndef FAULTS_H
#define FAULTS_H

#include "program.h"
#include "random.h"

struct faults {
    double fail, runaway; /* probabilities, of each attempt at a task */
    double timeout_s;     /* alone-seconds after which a runaway is cut off */
    double up_s, down_s;  /* means of each executor's times; 0: always up */
    double seed;
};

/* "fail=0.05,runaway=0.02,timeout=30,up=600,down=60,seed=1", in any order and not all of them.
 * NULL: nothing goes wrong. */
bool faults_parse(struct faults *faults, const char *text, struct problem *problem);
bool faults_any(const struct faults *faults);

/* What becomes of an attempt. */
struct fate {
    bool fails;
    double share;     /* of its work that it gets; of a whole one 1 */
    double timeout_s; /* a runaway: alone-seconds instead; otherwise 0 */
};
struct fate fate_of(const struct faults *faults, uint64_t seed, uint32_t job, uint32_t stage,
                    uint32_t task, uint32_t attempt);

/* The stream of an executor's times up and down. */
struct random outages_of(const struct faults *faults, uint64_t seed, uint32_t executor);

#endif
