/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structure for a known order of the columns (algorithms.md section 2): each column's best parent
 * set is independent of the others', so trying all sets finds the optimum; then the width guard.
 */
#include "bayes/elimination.h"
#include "bayes/families.h"
#include "bayes/graph.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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
    lls_families families;
    uint32_t child;
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

/* Without a guard only a new best matters; with one, every set that beats having no parents. */
static double to_beat(const learner *l)
{
    if (l->candidate_count == 0)
        return -INFINITY;
    return l->candidates[l->limit > 0 ? 0 : l->candidate_count - 1].score + l->families.scorer.tie;
}

static bool may_matter(void *user, const uint32_t *pick, uint32_t size, uint64_t cells)
{
    const learner *l = user;
    LLS_UNUSED(pick);
    LLS_UNUSED(size);
    return (l->limit == 0 || cells <= l->limit) &&
           lls_score_bound(&l->families.scorer, l->child, cells) > to_beat(l);
}

static bool keep(void *user, const uint32_t *pick, uint32_t size, double score, uint64_t seen)
{
    learner *l = user;
    LLS_UNUSED(seen);
    if (size > 0 && !(score > to_beat(l)))
        return true;
    if (!lls_grow(l->context, (void **)&l->candidates, &l->candidate_capacity,
                  (size_t)l->candidate_count + 1, sizeof *l->candidates) ||
        !lls_grow(l->context, (void **)&l->lists, &l->list_capacity, (size_t)l->list_count + size,
                  sizeof *l->lists))
        return false;
    l->candidates[l->candidate_count] = (candidate){score, l->candidate_count, l->list_count, size};
    l->candidate_count++;
    for (uint32_t i = 0; i < size; i++)
        l->lists[l->list_count++] = l->families.allowed[pick[i]];
    return true;
}

static bool try_all(learner *l, uint32_t child)
{
    const lls_family_visitor visitor = {l, may_matter, keep};
    l->child = child;
    l->candidate_count = l->list_count = 0;
    lls_families_allow(&l->families, child, child, l->options->forbidden);
    return lls_families_visit(&l->families, l->options->max_parents, &visitor);
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

static void finish(learner *l)
{
    lls_elimination_finish(&l->elimination);
    lls_families_finish(&l->families);
    lls_free(l->context, l->lists);
    lls_free(l->context, l->candidates);
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
    lls_elimination_init(&l.elimination, context);
    status = lls_families_init(&l.families, context, table, options->score, options->ess,
                               options->max_parents, err);
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
