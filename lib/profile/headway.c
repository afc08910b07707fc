/* SPDX-License-Identifier: Apache-2.0 */
#include "profile/headway.h"

#include "bayes/forest.h"
#include "llmsched/dag.h"

#include <math.h>

static int greatest_prompt_first(const void *user, uint32_t a, uint32_t b)
{
    const lls_headway *t = user;
    double x = t->stages[a].prompt, y = t->stages[b].prompt;
    if (x != y)
        return x > y ? -1 : 1;
    return a < b ? -1 : a > b;
}

void lls_headway_init(lls_headway *t, const llmsched_context *context)
{
    *t = (lls_headway){.context = context};
    lls_heap_init(&t->prompts, context, greatest_prompt_first, t);
    lls_headway_clear(t);
}

void lls_headway_finish(lls_headway *t)
{
    lls_heap_finish(&t->prompts);
    lls_free(t->context, t->stages);
}

void lls_headway_clear(lls_headway *t)
{
    while (t->prompts.count > 0)
        lls_heap_remove(&t->prompts, lls_heap_top(&t->prompts));
    *t = (lls_headway){.context = t->context,
                       .stages = t->stages,
                       .capacity = t->capacity,
                       .prompts = t->prompts,
                       .last_output = -1,
                       .most_output = -1,
                       .last_tool_s = -1,
                       .first_prompt = -1,
                       .first_output = -1};
}

bool lls_headway_reserve(lls_headway *t, uint32_t stages)
{
    void *grown = t->stages;
    bool good = lls_grow(t->context, &grown, &t->capacity, stages, sizeof *t->stages);
    t->stages = grown;
    return good && lls_heap_reserve(&t->prompts, stages);
}

uint32_t lls_headway_reveal(lls_headway *t, lls_headway_stage stage)
{
    uint32_t number = t->count++;
    bool llm = stage.kind == LLMSCHED_STAGE_LLM;
    stage.pending = true;
    stage.first = llm && !t->begun;
    t->stages[number] = stage;
    t->pending[stage.place]++;
    if (llm) {
        t->begun = true;
        t->pending_llm++;
        t->pending_tasks += stage.tasks;
        t->prompt_sum += stage.prompt;
        (void)lls_heap_push(&t->prompts, number);
    } else if (stage.kind == LLMSCHED_STAGE_REGULAR) {
        t->pending_tool++;
    } else {
        t->pending_dynamic++;
    }
    return number;
}

static void end_llm(lls_headway *t, uint32_t number, double work, double output)
{
    const lls_headway_stage *stage = &t->stages[number];
    lls_heap_remove(&t->prompts, number);
    t->pending_llm--;
    t->pending_tasks -= stage->tasks;
    /* Exactly 0 with nothing pending, whatever was rounded on the way. */
    t->prompt_sum = t->pending_llm > 0 ? fmax(0, t->prompt_sum - stage->prompt) : 0;
    t->ended_llm++;
    t->llm_s += work;
    t->last_output = output;
    if (output >= 0) {
        t->known_outputs++;
        t->outputs += output;
        t->most_output = fmax(t->most_output, output);
    }
    if (stage->first) {
        t->first_prompt = stage->prompt;
        t->first_output = output;
    }
}

void lls_headway_end(lls_headway *t, uint32_t number, double work, double output)
{
    lls_headway_stage *stage = &t->stages[number];
    stage->pending = false;
    t->pending[stage->place]--;
    t->ended[stage->place]++;
    if (stage->kind == LLMSCHED_STAGE_LLM) {
        end_llm(t, number, work, output >= 0 ? output : -1);
    } else if (stage->kind == LLMSCHED_STAGE_REGULAR) {
        t->pending_tool--;
        t->ended_tool++;
        t->tool_s += work;
        t->last_tool_s = work;
    } else {
        t->pending_dynamic--;
    }
}

uint32_t lls_headway_pending(const lls_headway *t)
{
    return t->pending_llm + t->pending_tool + t->pending_dynamic;
}

void lls_headway_features(const lls_headway *t, double *features)
{
    double *f = features;
    *f++ = t->ended_llm;
    *f++ = t->ended_tool;
    *f++ = t->llm_s;
    *f++ = t->last_output;
    *f++ = t->known_outputs > 0 ? t->outputs / t->known_outputs : -1;
    *f++ = t->most_output;
    *f++ = t->outputs;
    *f++ = t->last_tool_s;
    *f++ = t->tool_s;
    *f++ = t->pending_llm;
    *f++ = (double)t->pending_tasks;
    *f++ = t->pending_tool;
    *f++ = t->prompt_sum;
    *f++ = t->pending_llm > 0 ? t->stages[lls_heap_top(&t->prompts)].prompt : 0;
    *f++ = t->first_prompt;
    *f++ = t->first_output;
    for (uint32_t i = 0; i <= LLS_COUNTED_CLASSES; i++) {
        *f++ = t->ended[i];
        *f++ = t->pending[i];
    }
    /* Sums of absurd amounts may overflow; a forest wants finite numbers. */
    for (uint32_t i = 0; i < LLS_FEATURES; i++)
        features[i] = fmin(features[i], LLS_FOREST_LARGEST);
}
