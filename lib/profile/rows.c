/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the trees of a profile are learned from (algorithms.md section 9): the
 * moments of past runs, each replayed alone with unlimited places: at its
 * arrival and after every stage end but the last.
 */
#include "profile/internal.h"

#include <math.h>

/* Longer histories are thinned out to about so many rows, every so many-th run of them. */
enum { MOST_ROWS = 1 << 16 };

/* Scratch for the longest run. */
typedef struct scratch {
    lls_ending *endings;
    double *ends;
    lls_headway headway;
    uint32_t *numbers; /* of revealed stages, in the headway */
    uint32_t *waiting; /* parents that have not ended */
    uint32_t *first;   /* per stage: its first edge to a child; LLS_NONE32: none */
    uint32_t *next;    /* per edge */
    uint32_t *child;   /* per edge */
} scratch;

static void scratch_free(const llmsched_context *c, scratch *s)
{
    lls_free(c, s->endings);
    lls_free(c, s->ends);
    lls_headway_finish(&s->headway, (lls_source){c, NULL});
    lls_free(c, s->numbers);
    lls_free(c, s->waiting);
    lls_free(c, s->first);
    lls_free(c, s->next);
    lls_free(c, s->child);
}

static uint32_t edge_count(const lls_seen_run *run)
{
    uint32_t edges = 0;
    for (uint32_t i = 0; i < run->stage_count; i++)
        edges += run->stages[i].parent_count;
    return edges;
}

static bool scratch_allocate(const llmsched_profiler *profiler, scratch *s)
{
    const llmsched_context *c = profiler->context;
    uint32_t stages = 0, edges = 0;
    for (uint32_t r = 0; r < profiler->run_count; r++) {
        uint32_t n = profiler->runs[r].stage_count, e = edge_count(&profiler->runs[r]);
        stages = n > stages ? n : stages;
        edges = e > edges ? e : edges;
    }
    s->endings = lls_calloc(c, stages, sizeof *s->endings);
    s->ends = lls_calloc(c, stages, sizeof *s->ends);
    lls_headway_init(&s->headway);
    s->numbers = lls_calloc(c, stages, sizeof *s->numbers);
    s->waiting = lls_calloc(c, stages, sizeof *s->waiting);
    s->first = lls_calloc(c, stages, sizeof *s->first);
    s->next = lls_calloc(c, edges, sizeof *s->next);
    s->child = lls_calloc(c, edges, sizeof *s->child);
    return lls_headway_reserve(&s->headway, (lls_source){c, NULL}, stages) && s->endings != NULL &&
           s->ends != NULL && s->numbers != NULL && s->waiting != NULL && s->first != NULL &&
           s->next != NULL && s->child != NULL;
}

/* From the last stage to the first, so that children of one parent come in their order: they are
 * revealed in it. */
static void link_children(const lls_seen_run *run, scratch *s)
{
    uint32_t edge = 0;
    for (uint32_t i = 0; i < run->stage_count; i++)
        s->first[i] = LLS_NONE32;
    for (uint32_t i = run->stage_count; i-- > 0;) {
        const lls_seen_stage *stage = &run->stages[i];
        s->waiting[i] = stage->parent_count;
        for (uint32_t p = 0; p < stage->parent_count; p++, edge++) {
            uint32_t parent = run->parents[stage->parent_start + p];
            s->child[edge] = i;
            s->next[edge] = s->first[parent];
            s->first[parent] = edge;
        }
    }
}

static void reveal(const llmsched_profiler *profiler, const llmsched_profile *profile,
                   const lls_seen_run *run, uint32_t i, scratch *s)
{
    const lls_seen_stage *stage = &run->stages[i];
    s->numbers[i] = lls_headway_reveal(
        &s->headway,
        (lls_headway_stage){
            .kind = (uint8_t)stage->kind,
            .place = (uint8_t)lls_profile_place(profile, lls_seen_class(profiler, profile, stage)),
            .tasks = stage->tasks,
            .prompt = profiler->options.no_prompts ? 0 : stage->prompt_tokens});
}

/* What is left of each kind at the run's rows, from its end backwards. */
static void fill_targets(const lls_seen_run *run, const lls_ending *endings, uint32_t row,
                         lls_rows *rows)
{
    double left[LLS_WORK_KINDS] = {0};
    for (uint32_t k = run->stage_count; k-- > 0;) {
        const lls_seen_stage *stage = &run->stages[endings[k].place];
        if (stage->kind != LLMSCHED_STAGE_DYNAMIC)
            left[lls_work_kind(stage->kind)] += stage->work;
        for (uint32_t kind = 0; kind < LLS_WORK_KINDS; kind++)
            rows->targets[kind][row + k] = fmin(left[kind], LLS_FOREST_LARGEST);
    }
}

static void add_run(const llmsched_profiler *profiler, const llmsched_profile *profile,
                    const lls_seen_run *run, double weight, scratch *s, lls_rows *rows)
{
    lls_headway_clear(&s->headway);
    lls_replay(run, s->endings, s->ends);
    link_children(run, s);
    for (uint32_t i = 0; i < run->stage_count; i++) {
        if (s->waiting[i] == 0)
            reveal(profiler, profile, run, i, s);
    }
    fill_targets(run, s->endings, rows->count, rows);
    for (uint32_t k = 0; k < run->stage_count; k++) {
        uint32_t ended = s->endings[k].place;
        lls_headway_features(&s->headway, rows->features + (size_t)rows->count * LLS_FEATURES);
        rows->ended[rows->count] = k;
        rows->groups[rows->count++] = rows->run_count;
        lls_headway_end(&s->headway, s->numbers[ended], run->stages[ended].work,
                        run->stages[ended].output_tokens);
        for (uint32_t e = s->first[ended]; e != LLS_NONE32; e = s->next[e]) {
            uint32_t i = s->child[e];
            if (--s->waiting[i] == 0)
                reveal(profiler, profile, run, i, s);
        }
    }
    rows->weights[rows->run_count++] = weight;
}

/* Whether it is known at each of the run's moments what was left. */
static bool tells_all(const lls_seen_run *run)
{
    for (uint32_t i = 0; i < run->stage_count; i++) {
        if (run->stages[i].missing & LLMSCHED_MISSING_WORK)
            return false;
    }
    return !run->truncated;
}

/* Every how many-th run makes rows, and how many rows those are at most. */
static uint32_t choose_runs(const llmsched_profiler *profiler, uint32_t *count)
{
    uint64_t all = 0, chosen = 0;
    for (uint32_t r = 0; r < profiler->run_count; r++)
        all += profiler->runs[r].stage_count;
    uint32_t every = (uint32_t)((all + MOST_ROWS - 1) / MOST_ROWS);
    for (uint32_t r = 0; r < profiler->run_count; r += every)
        chosen += profiler->runs[r].stage_count;
    *count = (uint32_t)chosen;
    return every;
}

/* The last run weighs 1. */
static double weight_of(const llmsched_profiler *profiler, uint32_t run)
{
    double half_life = profiler->options.half_life;
    return half_life > 0 ? exp2((run + 1.0 - profiler->run_count) / half_life) : 1;
}

void lls_rows_free(const llmsched_context *c, lls_rows *rows)
{
    lls_free(c, rows->features);
    lls_free(c, rows->ended);
    for (uint32_t kind = 0; kind < LLS_WORK_KINDS; kind++)
        lls_free(c, rows->targets[kind]);
    lls_free(c, rows->groups);
    lls_free(c, rows->weights);
}

static bool rows_allocate(const llmsched_context *c, uint32_t count, uint32_t runs, lls_rows *rows)
{
    rows->features = lls_calloc(c, count, LLS_FEATURES * sizeof *rows->features);
    rows->ended = lls_calloc(c, count, sizeof *rows->ended);
    rows->groups = lls_calloc(c, count, sizeof *rows->groups);
    rows->weights = lls_calloc(c, runs, sizeof *rows->weights);
    for (uint32_t kind = 0; kind < LLS_WORK_KINDS; kind++)
        rows->targets[kind] = lls_calloc(c, count, sizeof *rows->targets[kind]);
    return rows->features != NULL && rows->ended != NULL && rows->groups != NULL &&
           rows->weights != NULL && rows->targets[0] != NULL && rows->targets[1] != NULL;
}

llmsched_status lls_rows_fill(const llmsched_profiler *profiler, const llmsched_profile *profile,
                              lls_rows *rows, llmsched_error *err)
{
    scratch s = {0};
    uint32_t count = 0, every = choose_runs(profiler, &count);
    bool good = scratch_allocate(profiler, &s) &&
                rows_allocate(profiler->context, count, profiler->run_count, rows);
    for (uint32_t r = 0; good && r < profiler->run_count; r += every) {
        if (tells_all(&profiler->runs[r]))
            add_run(profiler, profile, &profiler->runs[r], weight_of(profiler, r), &s, rows);
    }
    scratch_free(profiler->context, &s);
    return good ? LLMSCHED_OK : lls_fail_memory(err);
}
