/* SPDX-License-Identifier: Apache-2.0 */
#include "profile/headway.h"

#include "bayes/forest.h"
#include "llmsched/dag.h"

#include <math.h>

/* --- the heap of prompts ------------------------------------------------------------------ */

static bool goes_before(const lls_headway *t, uint32_t a, uint32_t b)
{
    double x = lls_headway_at(t, a)->prompt, y = lls_headway_at(t, b)->prompt;
    return x != y ? x > y : a < b;
}

static uint32_t item_at(const lls_headway *t, uint32_t at)
{
    return lls_headway_at(t, at)->heap_item;
}

/* No more are pending than were revealed: there is a place. */
static void put(lls_headway *t, uint32_t at, uint32_t number)
{
    lls_headway_at(t, at)->heap_item = number;
    lls_headway_at(t, number)->heap_at = at;
}

/* number moves from the hole at `at` to where it belongs. */
static void settle(lls_headway *t, uint32_t at, uint32_t number)
{
    while (at > 0 && goes_before(t, number, item_at(t, (at - 1) / 2))) {
        put(t, at, item_at(t, (at - 1) / 2));
        at = (at - 1) / 2;
    }
    while (at < t->heap_count / 2) {
        uint32_t child = 2 * at + 1;
        if (child + 1 < t->heap_count && goes_before(t, item_at(t, child + 1), item_at(t, child)))
            child++;
        if (!goes_before(t, item_at(t, child), number))
            break;
        put(t, at, item_at(t, child));
        at = child;
    }
    put(t, at, number);
}

static void take_prompt(lls_headway *t, uint32_t number)
{
    uint32_t last = item_at(t, --t->heap_count);
    if (last != number)
        settle(t, lls_headway_at(t, number)->heap_at, last);
}

static double greatest_prompt(const lls_headway *t)
{
    return lls_headway_at(t, item_at(t, 0))->prompt;
}

/* --- the calls ------------------------------------------------------------------------------ */

void lls_headway_init(lls_headway *t)
{
    *t = (lls_headway){0};
    lls_headway_clear(t);
}

void lls_headway_finish(lls_headway *t, lls_source from)
{
    lls_pieces_finish(&t->stages, from, sizeof(lls_headway_stage));
}

void lls_headway_clear(lls_headway *t)
{
    *t = (lls_headway){.stages = t->stages,
                       .last_output = -1,
                       .most_output = -1,
                       .last_tool_s = -1,
                       .first_prompt = -1,
                       .first_output = -1};
}

bool lls_headway_reserve(lls_headway *t, lls_source from, uint32_t stages)
{
    return lls_pieces_reserve(&t->stages, from, stages, sizeof(lls_headway_stage));
}

uint32_t lls_headway_reveal(lls_headway *t, lls_headway_stage stage)
{
    uint32_t number = t->count++;
    bool llm = stage.kind == LLMSCHED_STAGE_LLM;
    stage.pending = true;
    stage.first = llm && !t->begun;
    *lls_headway_at(t, number) = stage;
    t->pending[stage.place]++;
    if (llm) {
        t->begun = true;
        t->pending_llm++;
        t->pending_tasks += stage.tasks;
        t->prompt_sum += stage.prompt;
        settle(t, t->heap_count++, number);
    } else if (stage.kind == LLMSCHED_STAGE_REGULAR) {
        t->pending_tool++;
    } else {
        t->pending_dynamic++;
    }
    return number;
}

static void end_llm(lls_headway *t, uint32_t number, double work, double output)
{
    const lls_headway_stage *stage = lls_headway_at(t, number);
    take_prompt(t, number);
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
    lls_headway_stage *stage = lls_headway_at(t, number);
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
    *f++ = t->pending_llm > 0 ? greatest_prompt(t) : 0;
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
