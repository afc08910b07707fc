/* SPDX-License-Identifier: Apache-2.0 */
/* Draws jobs of applications: which stages are taken, and how much is written. */
#include "draw_apps.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const NOTHING = "nothing";
static const uint32_t NOT_TAKEN = UINT32_MAX;
static const double MOST_TOKENS = 1e12; /* of a jobs file */

void app_draw_start(struct app_draw *draw, const struct app_graphs *apps, double sigma,
                    uint64_t seed)
{
    *draw = (struct app_draw){.apps = apps, .sigma = sigma, .random = {seed}};
    draw->stages = allocate((size_t)apps->most_stages + 1, sizeof *draw->stages);
    draw->number = allocate((size_t)apps->most_stages + 1, sizeof *draw->number);
    draw->wanted = allocate((size_t)apps->most_stages + 1, sizeof *draw->wanted);
    draw->parents = allocate((size_t)apps->most_parents + 1, sizeof *draw->parents);
    draw->body.stages = draw->stages;
}

void app_draw_end(struct app_draw *draw)
{
    free(draw->stages);
    free(draw->number);
    free(draw->wanted);
    free(draw->parents);
    *draw = (struct app_draw){0};
}

/* A whole number with this mean. */
static uint32_t whole(double mean, struct random *random)
{
    double least = floor(mean);
    return (uint32_t)(least + (random_uniform(random) < mean - least ? 1.0 : 0.0));
}

/* Lognormal around the mean, and at least a token; what writes no more than one always does. */
static double output_tokens(const struct app_draw *draw, const struct app_stage *stage, double z)
{
    if (stage->output_tokens <= 1.0)
        return stage->output_tokens;
    return fmax(1.0, stage->output_tokens * exp(draw->sigma * z - draw->sigma * draw->sigma / 2.0));
}

static double tokens(double of_a_task, uint32_t tasks)
{
    return fmin(floor(of_a_task * tasks + 0.5), MOST_TOKENS);
}

/* The stages before s in the job: its parents, and in place of one that is not taken that one's. */
static uint32_t find_parents(struct app_draw *draw, const struct app_graph *app, uint32_t s,
                             uint32_t *parents)
{
    uint32_t count = 0;
    memset(draw->wanted, 0, (size_t)s * sizeof *draw->wanted);
    for (uint32_t p = 0; p < app->stages[s].parent_count; p++)
        draw->wanted[app->stages[s].parents[p]] = true;
    for (uint32_t i = s; i-- > 0;)
        for (uint32_t p = 0;
             draw->wanted[i] && draw->number[i] == NOT_TAKEN && p < app->stages[i].parent_count;
             p++)
            draw->wanted[app->stages[i].parents[p]] = true;
    for (uint32_t i = 0; i < s; i++)
        if (draw->wanted[i] && draw->number[i] != NOT_TAKEN)
            parents[count++] = draw->number[i];
    return count;
}

static void take_stage(struct app_draw *draw, const struct app_graph *app, uint32_t s,
                       uint32_t tasks, double z)
{
    const struct app_stage *from = &app->stages[s];
    struct stage *stage = &draw->stages[draw->body.stage_count];
    *stage = (struct stage){.id = from->id, .name = from->id, .model = from->model, .tasks = tasks};
    stage->kind = from->model != NULL ? LLMSCHED_STAGE_LLM : LLMSCHED_STAGE_REGULAR;
    stage->duration_s = from->duration_s;
    if (from->model != NULL) {
        stage->prompt_tokens = tokens(from->prompt_tokens, tasks);
        stage->output_tokens = tokens(output_tokens(draw, from, z), tasks);
    }
    draw->number[s] = draw->body.stage_count++;
}

/* Every stage draws the same numbers whether it is taken or not. */
static void draw_stages(struct app_draw *draw, const struct app_graph *app)
{
    uint32_t *parents = draw->parents;
    draw->body.stage_count = 0;
    for (uint32_t s = 0; s < app->stage_count; s++) {
        bool taken = random_uniform(&draw->random) < app->stages[s].probability;
        uint32_t tasks = whole(app->stages[s].tasks, &draw->random);
        double z = random_normal(&draw->random);
        draw->number[s] = NOT_TAKEN;
        if (!taken || tasks == 0)
            continue;
        take_stage(draw, app, s, tasks, z);
        struct stage *stage = &draw->stages[draw->number[s]];
        stage->parents = parents;
        stage->parent_count = find_parents(draw, app, s, parents);
        parents += stage->parent_count;
    }
    /* A job cannot be empty. */
    if (draw->body.stage_count == 0)
        draw->stages[draw->body.stage_count++] = (struct stage){
            .id = NOTHING, .name = NOTHING, .kind = LLMSCHED_STAGE_REGULAR, .tasks = 1};
}

const struct app_graph *app_draw_job(struct app_draw *draw)
{
    double at = random_uniform(&draw->random) * draw->apps->rate;
    size_t last = draw->apps->count - 1, a = 0;
    while (last > 0 && draw->apps->items[last].rate == 0.0)
        last--;
    for (; a < last && at >= draw->apps->items[a].rate; a++)
        at -= draw->apps->items[a].rate;
    draw_stages(draw, &draw->apps->items[a]);
    return &draw->apps->items[a];
}
