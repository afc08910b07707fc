/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of any shape, by hand or drawn from a seed, and what profiles of them say of calls. */
#ifndef LLS_TEST_SHAPES_H
#define LLS_TEST_SHAPES_H

#include "context.h"

#include "base/internal.h"
#include "llmsched/profiler.h"

enum { MOST_STAGES = 12, MOST_PARENTS = 3 };

struct shape {
    llmsched_run run;
    llmsched_run_stage stages[MOST_STAGES];
    uint32_t parents[MOST_STAGES][MOST_PARENTS];
};

/* Everything in a shape points into it: to be called once it lies where it stays. */
static const llmsched_run *run_of(struct shape *s)
{
    s->run.size = sizeof s->run;
    s->run.stages = s->stages;
    for (uint32_t i = 0; i < s->run.stage_count; i++) {
        s->stages[i].size = sizeof s->stages[i];
        s->stages[i].name = s->stages[i].name != NULL ? s->stages[i].name : "step";
        s->stages[i].parents = s->parents[i];
    }
    return &s->run;
}

/* parent LLMSCHED_INDEX_NONE: none. */
static inline uint32_t add(struct shape *s, llmsched_run_stage stage, uint32_t parent)
{
    uint32_t i = s->run.stage_count++;
    stage.parent_count = parent != LLMSCHED_INDEX_NONE;
    s->parents[i][0] = stage.parent_count > 0 ? parent : 0;
    s->stages[i] = stage;
    return i;
}

static inline uint32_t add_tool(struct shape *s, double work, uint32_t parent)
{
    return add(s, (llmsched_run_stage){.kind = LLMSCHED_STAGE_REGULAR, .work_s = work}, parent);
}

static inline uint32_t add_llm(struct shape *s, const char *model, double work, uint32_t parent)
{
    return add(s, (llmsched_run_stage){.kind = LLMSCHED_STAGE_LLM, .model = model, .work_s = work},
               parent);
}

static inline llmsched_profiler *start(const llmsched_profiler_options *options)
{
    llmsched_error err = {0};
    llmsched_profiler *profiler = NULL;
    assert_ok(llmsched_profiler_create(context, "test", NULL, options, &profiler, &err), err);
    return profiler;
}

static inline void observe(llmsched_profiler *profiler, struct shape *shape)
{
    llmsched_error err = {0};
    assert_ok(llmsched_profiler_observe(profiler, run_of(shape), &err), err);
}

static inline llmsched_profile *fit(llmsched_profiler *profiler)
{
    llmsched_error err = {0};
    llmsched_profile *p = NULL;
    assert_ok(llmsched_profiler_fit(profiler, &p, &err), err);
    return p;
}

static inline llmsched_profile *refit(llmsched_profiler *profiler)
{
    llmsched_error err = {0};
    llmsched_profile *p = NULL;
    assert_ok(llmsched_profiler_refit(profiler, &p, &err), err);
    return p;
}

static inline llmsched_profile *profile_of(struct shape *shapes, uint32_t count)
{
    llmsched_profiler *profiler = start(NULL);
    for (uint32_t i = 0; i < count; i++)
        observe(profiler, &shapes[i]);
    llmsched_profile *p = fit(profiler);
    llmsched_profiler_destroy(profiler);
    return p;
}

static inline llmsched_profile_call call_of(const llmsched_profile *p, uint32_t index)
{
    llmsched_error err = {0};
    llmsched_profile_call call = {.size = sizeof call};
    assert_ok(llmsched_profile_get_call(p, index, &call, &err), err);
    return call;
}

enum { RUNS = 160, FIRST = 60, MODELS = 3 };
static const char *const MODEL_NAMES[MODELS] = {NULL, "a", "b"};

static struct shape shapes[RUNS];

/* Stages whose starts coincide and interleave, of short durations that are alike. */
static inline void draw(struct shape *s, lls_random *random)
{
    *s = (struct shape){0};
    uint32_t n = 1 + lls_random_below(random, MOST_STAGES);
    for (uint32_t i = 0; i < n; i++) {
        llmsched_run_stage stage = {.kind = LLMSCHED_STAGE_REGULAR,
                                    .tasks = lls_random_below(random, 4),
                                    .name = lls_random_below(random, 2) ? "x" : "y"};
        double tasks = stage.tasks > 0 ? stage.tasks : 1;
        stage.span_s = lls_random_below(random, 4) * 0.5;
        stage.work_s = stage.span_s * (1 + lls_random_uniform(random) * (tasks - 1));
        if (lls_random_below(random, 3) > 0) {
            stage.kind = LLMSCHED_STAGE_LLM;
            stage.model = MODEL_NAMES[lls_random_below(random, MODELS)];
            stage.prompt_tokens = lls_random_below(random, 1000);
            stage.output_tokens = lls_random_below(random, 300);
        }
        add(s, stage, LLMSCHED_INDEX_NONE);
        uint32_t parents = i > 0 ? lls_random_below(random, MOST_PARENTS + 1) : 0;
        for (uint32_t p = 0; p < parents; p++)
            s->parents[i][p] = lls_random_below(random, i);
        s->stages[i].parent_count = parents;
    }
}

static inline void draw_shapes(uint64_t seed)
{
    lls_random random;
    lls_random_seed(&random, seed);
    for (uint32_t i = 0; i < RUNS; i++)
        draw(&shapes[i], &random);
}

/* Releases both. */
static inline void assert_same_calls(llmsched_profile *a, llmsched_profile *b)
{
    assert_int_equal(llmsched_profile_call_count(a), llmsched_profile_call_count(b));
    for (uint32_t i = 0; i < llmsched_profile_call_count(a); i++) {
        llmsched_profile_call x = call_of(a, i), y = call_of(b, i);
        assert_true(x.model == y.model || strcmp(x.model, y.model) == 0);
        x.model = y.model = NULL;
        assert_memory_equal(&x, &y, sizeof x);
    }
    llmsched_profile_release(a);
    llmsched_profile_release(b);
}

#endif
