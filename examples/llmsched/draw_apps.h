/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs drawn from applications as the planner knows them ("llmsched-apps-1"). */
#ifndef DRAW_APPS_H
#define DRAW_APPS_H

#include "jobs.h"
#include "random.h"

struct app_stage {
    const char *id, *model; /* no model: a tool */
    uint32_t *parents;      /* earlier stages */
    uint32_t parent_count;
    double tasks, probability;
    double prompt_tokens, output_tokens; /* means of a task */
    double duration_s;
};

struct app_graph {
    const char *name;
    double rate;              /* jobs per second */
    struct app_stage *stages; /* parents first */
    uint32_t stage_count;
};

struct app_graphs {
    struct app_graph *items;
    size_t count;
    double rate;           /* sum */
    uint32_t most_stages;  /* of an application */
    uint64_t most_parents; /* that a job of any could have in all */
    struct arena arena;
};

/* Applications of a file; each must be a graph, and one must have a rate. */
bool app_graphs_read(struct app_graphs *apps, const char *path, struct problem *problem);
void app_graphs_release(struct app_graphs *apps);

/* Room for one job at a time. */
struct app_draw {
    const struct app_graphs *apps;
    double sigma; /* of the logarithm of output tokens */
    struct random random;
    struct stage *stages;
    uint32_t *parents, *number; /* number: of an application's stage in the job */
    bool *wanted;
    struct body body;
};
void app_draw_start(struct app_draw *draw, const struct app_graphs *apps, double sigma,
                    uint64_t seed);
/* An application at its share of the rate, and a job of it, valid until the next call. */
const struct app_graph *app_draw_job(struct app_draw *draw);
void app_draw_end(struct app_draw *draw);

#endif
