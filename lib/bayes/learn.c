/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structure for a known order of the columns (algorithms.md section 2): each column's best parent
 * set is independent of the others', so trying all sets finds the optimum; then the width guard.
 */
#include "bayes/elimination.h"
#include "bayes/graph.h"
#include "bayes/score.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Configurations are counted in 32 bits. */
#define LARGEST_FAMILY (UINT64_C(1) << 31)

/* A parent set that scores more than none; rank: its place among all, by size, then by columns. */
typedef struct candidate {
    double score;
    uint64_t rank;
    uint32_t first, count; /* its parents, from here in the list */
} candidate;

typedef struct learner {
    const llmsched_context *context;
    const lls_table *table;
    const lls_learn_options *options;
    lls_scorer scorer;
    uint32_t *allowed; /* columns that may be parents of the child, ascending */
    uint32_t *pick;    /* the set being tried: indices into allowed, ascending */
    uint32_t *set;     /* the same as columns */
    candidate *candidates;
    uint32_t *lists;
    uint32_t candidate_count, candidate_capacity, list_count, list_capacity;
    lls_elimination elimination;
    uint64_t limit; /* of the guard, 0: none */
} learner;

/* --- checks -------------------------------------------------------------------------- */

static llmsched_status check(const lls_table *table, const lls_learn_options *o,
                             llmsched_error *err)
{
    if (o->score != LLS_SCORE_BIC && o->score != LLS_SCORE_BDEU)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "learn: unknown score %d", (int)o->score);
    if (o->score == LLS_SCORE_BDEU && !(o->ess > 0.0 && isfinite(o->ess)))
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "learn: the equivalent sample size is %g, expected a positive number",
                        o->ess);
    return lls_table_check(table, err);
}

/* --- trying all sets -------------------------------------------------------------------- */

static uint32_t list_allowed(learner *l, uint32_t child)
{
    const uint8_t *forbidden = l->options->forbidden;
    uint32_t count = 0;
    for (uint32_t p = 0; p < child; p++)
        if (forbidden == NULL || !forbidden[(size_t)child * l->table->columns + p])
            l->allowed[count++] = p;
    return count;
}

/* The next set of this size in the order of columns; *same: how many first members stayed. */
static bool next_set(learner *l, uint32_t size, uint32_t allowed, uint32_t *same)
{
    uint32_t at = size;
    while (at > 0 && l->pick[at - 1] == allowed - size + at - 1)
        at--;
    if (at == 0)
        return false;
    uint32_t first = l->pick[--at] + 1;
    *same = at;
    for (uint32_t i = at; i < size; i++) {
        l->pick[i] = first + (i - at);
        l->set[i] = l->allowed[l->pick[i]];
    }
    return true;
}

static bool keep(learner *l, double score, uint64_t rank, uint32_t size)
{
    if (!lls_grow(l->context, (void **)&l->candidates, &l->candidate_capacity,
                  (size_t)l->candidate_count + 1, sizeof *l->candidates) ||
        !lls_grow(l->context, (void **)&l->lists, &l->list_capacity, (size_t)l->list_count + size,
                  sizeof *l->lists))
        return false;
    l->candidates[l->candidate_count++] = (candidate){score, rank, l->list_count, size};
    if (size > 0)
        memcpy(l->lists + l->list_count, l->set, size * sizeof *l->lists);
    l->list_count += size;
    return true;
}

/* Without a guard only a new best matters; with one, every set that beats having no parents. */
static bool consider(learner *l, uint32_t child, uint64_t rank, uint32_t size, uint32_t *same)
{
    uint64_t cells = lls_family_cells(l->table, child, l->set, size);
    uint64_t largest =
        l->limit > 0 && l->limit < l->context->max_table ? l->limit : l->context->max_table;
    double score, to_beat = -INFINITY;
    if (l->candidate_count > 0)
        to_beat = l->candidates[l->limit > 0 ? 0 : l->candidate_count - 1].score;
    if (size > 0 && (cells > largest || cells > LARGEST_FAMILY ||
                     lls_score_bound(&l->scorer, child, cells) <= to_beat))
        return true;
    if (!lls_score_family(&l->scorer, child, l->set, size, *same, &score))
        return false;
    *same = size;
    return size > 0 && !(score > to_beat) ? true : keep(l, score, rank, size);
}

static bool try_all(learner *l, uint32_t child)
{
    uint32_t allowed = list_allowed(l, child);
    uint32_t most = l->options->max_parents < allowed ? l->options->max_parents : allowed;
    uint64_t rank = 0;
    l->candidate_count = l->list_count = 0;
    for (uint32_t size = 0; size <= most; size++) {
        /* known: members whose configurations the scorer still holds from the set it scored last.
         */
        uint32_t known = 0, same = 0;
        for (uint32_t i = 0; i < size; i++) {
            l->pick[i] = i;
            l->set[i] = l->allowed[i];
        }
        do {
            known = same < known ? same : known;
            if (!consider(l, child, rank++, size, &known))
                return false;
        } while (next_set(l, size, allowed, &same));
    }
    return true;
}

/* --- the guard ----------------------------------------------------------------------------- */

static int better(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return x->rank < y->rank ? -1 : x->rank > y->rank;
}

static bool connect(learner *l, uint32_t child, const uint32_t *parents, uint32_t count)
{
    const uint32_t *states = l->table->states;
    for (uint32_t i = 0; i < count; i++) {
        if (states[parents[i]] == 1)
            continue;
        if (states[child] > 1 && !lls_elimination_connect(&l->elimination, child, parents[i]))
            return false;
        for (uint32_t j = 0; states[child] > 1 && j < i; j++)
            if (states[parents[j]] > 1 &&
                !lls_elimination_connect(&l->elimination, parents[i], parents[j]))
                return false;
    }
    return true;
}

/* Does the moral graph of the columns so far stay within the limit, with these parents? */
static llmsched_status fits(learner *l, uint32_t child, const candidate *c, const uint32_t *parents,
                            const uint32_t *parent_count)
{
    if (!lls_elimination_reset(&l->elimination, child + 1))
        return LLMSCHED_ERROR_MEMORY;
    for (uint32_t i = 0; i <= child; i++)
        l->elimination.states[i] = l->table->states[i];
    for (uint32_t i = 0; i < child; i++)
        if (!connect(l, i, parents + (size_t)i * l->options->max_parents, parent_count[i]))
            return LLMSCHED_ERROR_MEMORY;
    if (!connect(l, child, l->lists + c->first, c->count))
        return LLMSCHED_ERROR_MEMORY;
    return lls_elimination_run(&l->elimination, l->limit);
}

/* The best candidate that fits; having no parents always does. NULL: no memory. */
static const candidate *choose(learner *l, uint32_t child, const uint32_t *parents,
                               const uint32_t *parent_count)
{
    if (l->limit == 0)
        return &l->candidates[l->candidate_count - 1]; /* each one kept beat those before */
    qsort(l->candidates, l->candidate_count, sizeof *l->candidates, better);
    for (uint32_t i = 0; i < l->candidate_count; i++) {
        const candidate *c = &l->candidates[i];
        if (c->count == 0)
            return c;
        llmsched_status status = fits(l, child, c, parents, parent_count);
        if (status == LLMSCHED_OK)
            return c;
        if (status == LLMSCHED_ERROR_MEMORY)
            return NULL;
    }
    return NULL; /* not reached: the empty set is a candidate */
}

/* A column alone must always fit, whatever the caller's limit. */
static uint64_t guard_limit(const lls_table *table, uint64_t limit)
{
    for (uint32_t c = 0; limit > 0 && c < table->columns; c++)
        if (table->states[c] > limit)
            limit = table->states[c];
    return limit;
}

/* --- all together ------------------------------------------------------------------------- */

static llmsched_status start(learner *l, llmsched_error *err)
{
    size_t most =
        l->options->max_parents < l->table->columns ? l->options->max_parents : l->table->columns;
    lls_elimination_init(&l->elimination, l->context);
    llmsched_status status = lls_scorer_init(&l->scorer, l->context, l->table, l->options->score,
                                             l->options->ess, (uint32_t)most, err);
    if (status != LLMSCHED_OK)
        return status;
    l->allowed = lls_calloc(l->context, l->table->columns, sizeof *l->allowed);
    l->pick = lls_calloc(l->context, most, sizeof *l->pick);
    l->set = lls_calloc(l->context, most, sizeof *l->set);
    if (l->allowed == NULL || l->pick == NULL || l->set == NULL)
        return lls_fail_memory(err);
    return LLMSCHED_OK;
}

static void finish(learner *l)
{
    lls_elimination_finish(&l->elimination);
    lls_scorer_finish(&l->scorer);
    lls_free(l->context, l->lists);
    lls_free(l->context, l->candidates);
    lls_free(l->context, l->set);
    lls_free(l->context, l->pick);
    lls_free(l->context, l->allowed);
}

/* Into arrays of its own, so that a failure leaves the caller's as they were. */
static llmsched_status learn(learner *l, uint32_t *parents, uint32_t *parent_count, double *total,
                             llmsched_error *err)
{
    *total = 0.0;
    for (uint32_t child = 0; child < l->table->columns; child++) {
        if (!try_all(l, child))
            return lls_fail_memory(err);
        const candidate *c = choose(l, child, parents, parent_count);
        if (c == NULL)
            return lls_fail_memory(err);
        for (uint32_t p = 0; p < c->count; p++)
            parents[(size_t)child * l->options->max_parents + p] = l->lists[c->first + p];
        parent_count[child] = c->count;
        *total += c->score;
    }
    return LLMSCHED_OK;
}

llmsched_status lls_learn_structure(const llmsched_context *context, const lls_table *table,
                                    const lls_learn_options *options, uint32_t *parents,
                                    uint32_t *parent_count, double *score, llmsched_error *err)
{
    llmsched_status status = check(table, options, err);
    if (status != LLMSCHED_OK)
        return status;
    size_t room = (size_t)lls_times(table->columns, options->max_parents);
    double total = 0.0;
    learner l = {.context = context, .table = table, .options = options};
    l.limit = guard_limit(table, options->max_clique);
    uint32_t *sets = lls_calloc(context, room, sizeof *sets);
    uint32_t *counts = lls_calloc(context, table->columns, sizeof *counts);
    status = start(&l, err);
    if (status == LLMSCHED_OK && (sets == NULL || counts == NULL))
        status = lls_fail_memory(err);
    if (status == LLMSCHED_OK)
        status = learn(&l, sets, counts, &total, err);
    if (status == LLMSCHED_OK) {
        if (room > 0)
            memcpy(parents, sets, room * sizeof *sets);
        memcpy(parent_count, counts, table->columns * sizeof *counts);
        if (score != NULL)
            *score = total;
    }
    lls_free(context, counts);
    lls_free(context, sets);
    finish(&l);
    return status;
}
