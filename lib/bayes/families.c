/* SPDX-License-Identifier: Apache-2.0 */
#include "bayes/families.h"

#include "bayes/graph.h"

#include <string.h>

/* Configurations are counted in 32 bits. */
#define LARGEST_FAMILY (UINT64_C(1) << 31)
/* Every parent has two states or more, so that no family of that size has more. */
enum { MOST_PARENTS = 31 };

llmsched_status lls_families_init(lls_families *f, const llmsched_context *context,
                                  const lls_table *table, lls_score score, double ess,
                                  uint32_t most, llmsched_error *err)
{
    size_t columns = table->columns;
    memset(f, 0, sizeof *f);
    f->context = context;
    f->table = table;
    f->most = most < table->columns - 1 ? most : table->columns - 1;
    f->most = f->most < MOST_PARENTS ? f->most : MOST_PARENTS;
    llmsched_status status = lls_scorer_init(&f->scorer, context, table, score, ess, f->most, err);
    if (status == LLMSCHED_OK)
        status = lls_counter_init(&f->counter, &f->scorer, f->most, err);
    if (status != LLMSCHED_OK)
        return status;
    f->allowed = lls_calloc(context, columns, sizeof *f->allowed);
    f->pick = lls_calloc(context, (size_t)f->most + 1, sizeof *f->pick);
    f->last = lls_calloc(context, columns, sizeof *f->last);
    f->scores = lls_calloc(context, columns, sizeof *f->scores);
    f->seen = lls_calloc(context, columns, sizeof *f->seen);
    if (f->allowed == NULL || f->pick == NULL || f->last == NULL || f->scores == NULL ||
        f->seen == NULL)
        return lls_fail_memory(err);
    return LLMSCHED_OK;
}

void lls_families_finish(lls_families *f)
{
    if (f->context == NULL)
        return;
    lls_free(f->context, f->seen);
    lls_free(f->context, f->scores);
    lls_free(f->context, f->last);
    lls_free(f->context, f->pick);
    lls_free(f->context, f->allowed);
    lls_counter_finish(&f->counter);
    lls_scorer_finish(&f->scorer);
    memset(f, 0, sizeof *f);
}

void lls_families_allow(lls_families *f, uint32_t child, uint32_t end, const uint8_t *forbidden)
{
    f->child = child;
    f->allowed_count = 0;
    for (uint32_t p = 0; p < end; p++)
        if (p != child && f->table->states[p] > 1 &&
            (forbidden == NULL || !forbidden[(size_t)child * f->table->columns + p]))
            f->allowed[f->allowed_count++] = p;
}

static bool may_matter(const lls_families *f, uint32_t size, uint64_t cells)
{
    return cells <= f->context->max_table && cells <= LARGEST_FAMILY &&
           f->visitor->may_matter(f->visitor->user, f->pick, size, cells);
}

/* Completes the set whose first members are the counter's common parents. */
static bool complete(lls_families *f, uint32_t size, uint32_t from, uint64_t cells)
{
    uint32_t wanted = 0;
    for (uint32_t i = from; i < f->allowed_count; i++) {
        f->pick[size - 1] = i;
        if (may_matter(f, size, lls_times(cells, f->table->states[f->allowed[i]])))
            f->last[wanted++] = i;
    }
    if (wanted == 0)
        return true;
    f->any = true;
    uint32_t *picked = f->last; /* indices, turned into columns where the counter looks */
    for (uint32_t i = 0; i < wanted; i++)
        picked[i] = f->allowed[picked[i]];
    if (!lls_counter_score(&f->counter, picked, wanted, f->scores, f->seen))
        return false;
    for (uint32_t i = 0, at = from; i < wanted; i++) {
        while (f->allowed[at] != picked[i])
            at++;
        f->pick[size - 1] = at;
        if (!f->visitor->take(f->visitor->user, f->pick, size, f->scores[i], f->seen[i]))
            return false;
    }
    return true;
}

/* Depth is bounded by MOST_PARENTS. */
static bool descend(lls_families *f, uint32_t size, uint32_t depth, uint32_t from, uint64_t cells)
{
    if (depth + 1 == size)
        return complete(f, size, from, cells);
    for (uint32_t i = from; i + (size - depth) <= f->allowed_count; i++) {
        uint64_t more = lls_times(cells, f->table->states[f->allowed[i]]);
        f->pick[depth] = i;
        if (!may_matter(f, depth + 1, more))
            continue;
        lls_counter_push(&f->counter, f->allowed[i]);
        bool good = descend(f, size, depth + 1, i + 1, more);
        lls_counter_pop(&f->counter);
        if (!good)
            return false;
    }
    return true;
}

bool lls_families_visit(lls_families *f, uint32_t most, const lls_family_visitor *visitor)
{
    double score;
    uint64_t seen;
    f->visitor = visitor;
    lls_counter_begin(&f->counter, f->child);
    if (!lls_counter_score(&f->counter, NULL, 1, &score, &seen) ||
        !visitor->take(visitor->user, f->pick, 0, score, seen))
        return false;
    most = most < f->most ? most : f->most;
    f->any = true;
    /* Where no set of a size may matter, no larger one does. */
    for (uint32_t size = 1; size <= most && size <= f->allowed_count && f->any; size++) {
        f->any = false;
        if (!descend(f, size, 0, 0, f->table->states[f->child]))
            return false;
    }
    return true;
}
