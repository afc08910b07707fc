/* SPDX-License-Identifier: Apache-2.0 */
/* Executors that go down and come back. What runs on one that goes is lost. */
#include <math.h>
#include <stdlib.h>

#include "sim_state.h"

void outages_start(struct sim *sim)
{
    const struct faults *faults = &sim->options->faults;
    if (!(faults->up_s > 0.0))
        return;
    sim->outages = allocate(world_executors(sim->world), sizeof *sim->outages);
    for (uint32_t e = 0; e < world_executors(sim->world); e++) {
        struct outage *o = &sim->outages[e];
        o->random = outages_of(faults, sim->options->seed, e);
        o->next_s = random_exponential(&o->random, faults->up_s);
    }
}

double outages_next(const struct sim *sim)
{
    double time = INFINITY;
    for (uint32_t e = 0; sim->outages != NULL && e < world_executors(sim->world); e++)
        time = fmin(time, sim->outages[e].next_s);
    return time;
}

bool outages_is_up(const struct sim *sim, uint64_t executor)
{
    return sim->outages == NULL || !sim->outages[executor].down;
}

static int compare(const void *a, const void *b)
{
    return running_compare(a, b);
}

static bool go_down(struct sim *sim, uint32_t e)
{
    bool is_engine = !sim_is_slot(sim, e), good;
    struct running_heap *heap = is_engine ? &sim->engines[e].requests : &sim->tools;
    struct running *lost = allocate(heap->count + 1, sizeof *lost);
    if (is_engine)
        engine_advance(&sim->engines[e], sim->now_s);
    double clock = is_engine ? sim->engines[e].clock : sim->now_s;
    size_t count = running_take(heap, e, lost);
    if (is_engine)
        sim_refresh(sim, e);
    else
        sim_set_slot(sim, e, false);
    qsort(lost, count, sizeof *lost, compare);
    good = sim_executor_down(sim, e);
    for (size_t i = 0; good && i < count; i++) {
        double all = lost[i].end - lost[i].begin;
        double share = all > 0.0 ? (clock - lost[i].begin) / all : 1.0;
        good = sim_return(sim, &lost[i], lost[i].alone_s * share, SIM_STOPPED);
    }
    free(lost);
    return good;
}

bool outages_apply(struct sim *sim)
{
    const struct faults *faults = &sim->options->faults;
    for (uint32_t e = 0; sim->outages != NULL && e < world_executors(sim->world); e++) {
        struct outage *o = &sim->outages[e];
        while (o->next_s <= sim->now_s + INSTANT_S) {
            if (!(o->down ? sim_executor_up(sim, e) : go_down(sim, e)))
                return false;
            o->down = !o->down;
            o->next_s += random_exponential(&o->random, o->down ? faults->down_s : faults->up_s);
        }
    }
    return true;
}
