/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The variables of remaining work: their distribution given how far a job has
 * come, kept as trees (algorithms.md section 9).
 */
#include "profile/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- which classes are counted one by one ------------------------------------------------ */

typedef struct class_count {
    uint32_t class_number;
    uint64_t stages;
} class_count;

static int commonest_first(const void *a, const void *b)
{
    const class_count *x = a, *y = b;
    if (x->stages != y->stages)
        return x->stages > y->stages ? -1 : 1;
    return x->class_number < y->class_number ? -1 : x->class_number > y->class_number;
}

uint32_t lls_seen_class(const llmsched_profiler *profiler, const llmsched_profile *profile,
                        const lls_seen_stage *s)
{
    return lls_profile_class(profile, s->kind, profiler->names.items[s->name]);
}

static llmsched_status choose_places(const llmsched_profiler *profiler, llmsched_profile *profile,
                                     llmsched_error *err)
{
    uint32_t n = profile->class_count;
    class_count *counts = lls_calloc(profile->context, n, sizeof *counts);
    profile->class_places = lls_calloc(profile->context, n, sizeof *profile->class_places);
    if (counts == NULL || profile->class_places == NULL) {
        lls_free(profile->context, counts);
        return lls_fail_memory(err);
    }
    for (uint32_t c = 0; c < n; c++)
        counts[c].class_number = c;
    for (uint32_t r = 0; r < profiler->run_count; r++) {
        for (uint32_t i = 0; i < profiler->runs[r].stage_count; i++) {
            uint32_t c = lls_seen_class(profiler, profile, &profiler->runs[r].stages[i]);
            if (c != LLS_NONE32)
                counts[c].stages++;
        }
    }
    qsort(counts, n, sizeof *counts, commonest_first);
    for (uint32_t i = 0; i < n; i++)
        profile->class_places[counts[i].class_number] =
            i < LLS_COUNTED_CLASSES ? i : LLS_COUNTED_CLASSES;
    lls_free(profile->context, counts);
    return LLMSCHED_OK;
}

uint32_t lls_profile_place(const llmsched_profile *profile, uint32_t class_number)
{
    return class_number != LLS_NONE32 && profile->class_places != NULL
               ? profile->class_places[class_number]
               : LLS_COUNTED_CLASSES;
}

/* --- the trees ---------------------------------------------------------------------------- */

/*
 * A forest may have small leaves, its trees make up for one another; a tree alone may not. Tools
 * last much the same whatever came before: what small leaves tell of them is mostly chance.
 */
static lls_forest_options forest_options(uint32_t rows, uint32_t kind)
{
    uint32_t least = kind == 0 ? 8 : 20;
    return (lls_forest_options){.trees = 32,
                                .leaf = rows / 300 > least ? rows / 300 : least,
                                .depth = 24,
                                .share = 0.2,
                                .resample = true,
                                .most_rows = 1 << 15,
                                .seed = 1};
}

static lls_forest_options tree_options(uint32_t rows)
{
    return (lls_forest_options){.trees = 1,
                                .leaf = rows / 200 > 20 ? rows / 200 : 20,
                                .depth = 24,
                                .share = 1,
                                .most_rows = LLS_FOREST_ROWS,
                                .seed = 1};
}

static lls_forest_options history_options(void)
{
    return (lls_forest_options){
        .trees = 1, .leaf = 1, .depth = 64, .share = 1, .most_rows = LLS_FOREST_ROWS, .seed = 1};
}

static lls_forest_rows rows_of(const lls_rows *t, uint32_t kind)
{
    return (lls_forest_rows){.row_count = t->count,
                             .feature_count = LLS_FEATURES,
                             .group_count = t->run_count,
                             .features = t->features,
                             .targets = t->targets[kind],
                             .groups = t->groups,
                             .weights = t->weights};
}

static llmsched_status grow_history(const llmsched_context *c, const lls_rows *t, uint32_t kind,
                                    lls_forest **history, llmsched_error *err)
{
    const lls_forest_options options = history_options();
    lls_forest_rows rows = rows_of(t, kind);
    rows.feature_count = 1;
    rows.features = t->ended;
    return lls_forest_fit(c, &rows, &options, history, NULL, err);
}

/* What history would say of each row from the other runs: a run has one row per count of ended
 * stages. -1: no other run has come so far. */
static void other_runs(const lls_rows *t, const double *targets, double *sums, uint32_t *counts,
                       double *history)
{
    memset(sums, 0, t->count * sizeof *sums);
    memset(counts, 0, t->count * sizeof *counts);
    for (uint32_t i = 0; i < t->count; i++) {
        sums[(uint32_t)t->ended[i]] += targets[i];
        counts[(uint32_t)t->ended[i]]++;
    }
    for (uint32_t i = 0; i < t->count; i++) {
        uint32_t k = (uint32_t)t->ended[i];
        history[i] = counts[k] > 1 ? fmax(0, sums[k] - targets[i]) / (counts[k] - 1) : -1;
    }
}

/* The share with the least absolute error on rows that neither has seen; ties: the lowest. */
static double best_share(const lls_rows *t, const double *targets, const double *forest,
                         const double *history)
{
    enum { STEPS = 10 };
    double best = 0, least = INFINITY;
    for (uint32_t step = 0; step <= STEPS; step++) {
        double share = (double)step / STEPS, error = 0;
        for (uint32_t i = 0; i < t->count; i++) {
            double h = history[i] < 0 ? forest[i] : history[i];
            error += fabs(forest[i] + share * (h - forest[i]) - targets[i]);
        }
        if (error < least) {
            least = error;
            best = share;
        }
    }
    return best;
}

static llmsched_status grow_forest(const llmsched_context *c, const lls_rows *t, uint32_t kind,
                                   llmsched_profile *profile, llmsched_error *err)
{
    const lls_forest_options options = forest_options(t->count, kind);
    const lls_forest_rows rows = rows_of(t, kind);
    double *unseen = lls_calloc(c, t->count, sizeof *unseen);
    double *history = lls_calloc(c, t->count, sizeof *history);
    double *sums = lls_calloc(c, t->count, sizeof *sums);
    uint32_t *counts = lls_calloc(c, t->count, sizeof *counts);
    llmsched_status status =
        unseen != NULL && history != NULL && sums != NULL && counts != NULL
            ? lls_forest_fit(c, &rows, &options, &profile->forests[kind], unseen, err)
            : lls_fail_memory(err);
    if (status == LLMSCHED_OK) {
        other_runs(t, t->targets[kind], sums, counts, history);
        profile->history_share[kind] = best_share(t, t->targets[kind], unseen, history);
    }
    lls_free(c, unseen);
    lls_free(c, history);
    lls_free(c, sums);
    lls_free(c, counts);
    return status;
}

static llmsched_status grow(const llmsched_context *c, const lls_rows *t, llmsched_profile *profile,
                            llmsched_error *err)
{
    const lls_forest_options tree = tree_options(t->count);
    llmsched_status status = LLMSCHED_OK;
    for (uint32_t kind = 0; kind < LLS_WORK_KINDS && status == LLMSCHED_OK; kind++) {
        const lls_forest_rows rows = rows_of(t, kind);
        status = grow_forest(c, t, kind, profile, err);
        if (status == LLMSCHED_OK)
            status = grow_history(c, t, kind, &profile->histories[kind], err);
        if (status == LLMSCHED_OK)
            status = lls_forest_fit(c, &rows, &tree, &profile->trees[kind], NULL, err);
    }
    return status;
}

llmsched_status lls_fit_forests(const llmsched_profiler *profiler, llmsched_profile *profile,
                                llmsched_error *err)
{
    lls_rows rows = {0};
    llmsched_status status = choose_places(profiler, profile, err);
    if (status == LLMSCHED_OK)
        status = lls_rows_fill(profiler, profile, &rows, err);
    if (status == LLMSCHED_OK && rows.count > 0)
        status = grow(profiler->context, &rows, profile, err);
    if (rows.count == 0) { /* no run tells what was left: a profile without trees */
        lls_free(profiler->context, profile->class_places);
        profile->class_places = NULL;
    }
    lls_rows_free(profiler->context, &rows);
    return status;
}

llmsched_status lls_share_forests(const llmsched_profile *from, llmsched_profile *to,
                                  llmsched_error *err)
{
    if (from->class_places == NULL)
        return LLMSCHED_OK;
    to->class_places = lls_calloc(to->context, to->class_count, sizeof *to->class_places);
    if (to->class_places == NULL)
        return lls_fail_memory(err);
    memcpy(to->class_places, from->class_places, to->class_count * sizeof *to->class_places);
    for (uint32_t kind = 0; kind < LLS_WORK_KINDS; kind++) {
        to->forests[kind] = lls_forest_retain(from->forests[kind]);
        to->trees[kind] = lls_forest_retain(from->trees[kind]);
        to->histories[kind] = lls_forest_retain(from->histories[kind]);
        to->history_share[kind] = from->history_share[kind];
    }
    return LLMSCHED_OK;
}
