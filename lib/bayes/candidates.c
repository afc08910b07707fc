/* SPDX-License-Identifier: Apache-2.0 */
#include "bayes/candidates.h"

#include "bayes/graph.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* How many families all columns together may have tried, and cells read for it. */
static const double MOST_FAMILIES = 3e6, MOST_READS = 2e9;
enum { FEWEST_GROWN = 4, MOST_GROWN = 64 };
/* All subsets of sets of this size are looked up. */
enum { MOST_SUBSETS_OF = 8 };

/* --- the lists ------------------------------------------------------------------------- */

const uint32_t *lls_candidate_parents(const lls_candidates *c, const lls_candidate *candidate)
{
    return c->parents + candidate->first;
}

/* Notes a set as tried, with its score if it is in the lists. */
static bool note(lls_candidates *c, uint32_t child, const uint32_t *set, uint32_t size,
                 const double *score)
{
    uint32_t value = 0;
    if (score != NULL) {
        if (!lls_grow(c->families->context, (void **)&c->worth, &c->worth_capacity,
                      (size_t)c->worth_count + 2, sizeof *c->worth))
            return false;
        value = ++c->worth_count;
        c->worth[value] = *score;
    }
    c->subset[0] = child;
    memcpy(c->subset + 1, set, size * sizeof *set);
    return lls_map_put(&c->tried, c->subset, (size + 1) * sizeof *c->subset, value);
}

/* Best score in the lists of a subset of two or more; mask: which members it has. */
static double worth_of(const lls_candidates *c, uint32_t child, const uint32_t *set, uint32_t size,
                       uint32_t mask)
{
    uint32_t count = 0;
    c->subset[count++] = child;
    for (uint32_t i = 0; i < size; i++)
        if (mask >> i & 1)
            c->subset[count++] = set[i];
    if (count < 3)
        return -INFINITY;
    uint32_t value = lls_map_get(&c->tried, c->subset, count * sizeof *c->subset);
    return value != LLS_NONE32 && value > 0 ? c->worth[value] : -INFINITY;
}

/* A set that scores no more than one of its subsets is never chosen. */
static bool is_useless(const lls_candidates *c, uint32_t child, const uint32_t *set, uint32_t size,
                       double score)
{
    uint32_t all = (UINT32_C(1) << size) - 1;
    double to_beat = score - c->families->scorer.tie;
    if (size > MOST_SUBSETS_OF) {
        for (uint32_t i = 0; i < size; i++)
            if (worth_of(c, child, set, size, all & ~(UINT32_C(1) << i)) >= to_beat)
                return true;
        return false;
    }
    for (uint32_t mask = all - 1; mask > 0; mask--)
        if (worth_of(c, child, set, size, mask) >= to_beat)
            return true;
    return false;
}

static bool add(lls_candidates *c, uint32_t child, const uint32_t *set, uint32_t size, double score)
{
    const llmsched_context *context = c->families->context;
    bool useless = size > 2 && is_useless(c, child, set, size, score);
    if (size > 1 && (!useless || size > c->whole) &&
        !note(c, child, set, size, useless ? NULL : &score))
        return false;
    if (useless)
        return true;
    lls_candidate_list *list = &c->columns[child];
    if (!lls_grow(context, (void **)&list->items, &list->capacity, (size_t)list->count + 1,
                  sizeof *list->items) ||
        !lls_grow(context, (void **)&c->parents, &c->parent_capacity,
                  (size_t)c->parent_count + size, sizeof *c->parents))
        return false;
    list->items[list->count++] = (lls_candidate){score, c->parent_count, size};
    for (uint32_t i = 0; i < size; i++)
        c->parents[c->parent_count++] = set[i];
    c->added++;
    return true;
}

/* qsort() has no room for the list of parents; they stand in the order in which they were tried. */
static int compare(const void *a, const void *b)
{
    const lls_candidate *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    if (x->count != y->count)
        return x->count < y->count ? -1 : 1;
    return x->first < y->first ? -1 : x->first > y->first;
}

void lls_candidates_sort(lls_candidates *c)
{
    for (uint32_t child = 0; child < c->families->table->columns; child++)
        qsort(c->columns[child].items, c->columns[child].count, sizeof(lls_candidate), compare);
    c->added = 0;
}

/* --- all small sets ---------------------------------------------------------------------- */

/* Best of the sets of at most one of these. */
static double best_single(const lls_candidates *c, const uint32_t *set, uint32_t size)
{
    double best = -INFINITY;
    for (uint32_t i = 0; i < size; i++)
        best = fmax(best, c->single[set[i]]);
    return best;
}

static bool may_matter(void *user, const uint32_t *pick, uint32_t size, uint64_t cells)
{
    const lls_candidates *c = user;
    const lls_families *f = c->families;
    double best = c->none[f->child];
    for (uint32_t i = 0; size > 1 && i < size; i++)
        best = fmax(best, c->single[f->allowed[pick[i]]]);
    return lls_score_bound(&f->scorer, f->child, cells) > best + f->scorer.tie;
}

static bool take(void *user, const uint32_t *pick, uint32_t size, double score, uint64_t seen)
{
    lls_candidates *c = user;
    const lls_families *f = c->families;
    uint32_t *set = c->key + 1;
    double none = size > 0 ? c->none[f->child] : -INFINITY;
    LLS_UNUSED(seen);
    for (uint32_t i = 0; i < size; i++)
        set[i] = f->allowed[pick[i]];
    if (size == 0)
        c->none[f->child] = score;
    if (size == 1)
        c->single[set[0]] = fmax(none, score);
    double best = size > 1 ? fmax(none, best_single(c, set, size)) : none;
    return !(score > best + f->scorer.tie) && size > 0 ? true : add(c, f->child, set, size, score);
}

static bool try_small(lls_candidates *c, uint32_t child)
{
    const lls_family_visitor visitor = {c, may_matter, take};
    for (uint32_t i = 0; i < c->families->table->columns; i++)
        c->single[i] = -INFINITY;
    lls_families_allow(c->families, child, c->families->table->columns, NULL);
    return lls_families_visit(c->families, c->whole, &visitor);
}

uint32_t lls_candidates_whole(const lls_families *f)
{
    uint32_t most = 1, n = f->table->columns;
    while (most < f->most) {
        double families = n * lls_family_count(n, most + 1);
        if (families > MOST_FAMILIES || families * (double)f->table->rows > MOST_READS)
            break;
        most++;
    }
    return most < f->most ? most : f->most;
}

/* --- larger sets --------------------------------------------------------------------------- */

static uint32_t merge(const uint32_t *set, uint32_t size, uint32_t column, uint32_t *to)
{
    uint32_t at = 0;
    while (at < size && set[at] < column) {
        to[at] = set[at];
        at++;
    }
    to[at] = column;
    for (uint32_t i = at; i < size; i++)
        to[i + 1] = set[i];
    return size + 1;
}

static bool is_new(lls_candidates *c, uint32_t child, const uint32_t *set, uint32_t size,
                   uint32_t column, bool *fresh)
{
    *fresh = false;
    for (uint32_t i = 0; i < size; i++)
        if (set[i] == column)
            return true;
    if (column == child || c->families->table->states[column] < 2)
        return true;
    uint64_t cells = lls_times(lls_family_cells(c->families->table, child, set, size),
                               c->families->table->states[column]);
    if (cells > c->families->context->max_table || cells > UINT32_MAX / 2 ||
        lls_score_bound(&c->families->scorer, child, cells) <= c->none[child])
        return true;
    c->key[0] = child;
    size_t length = (merge(set, size, column, c->key + 1) + 1) * sizeof *c->key;
    if (lls_map_get(&c->tried, c->key, length) != LLS_NONE32)
        return true;
    *fresh = true;
    return lls_map_put(&c->tried, c->key, length, 0);
}

/* Tries the set with one column more, or with each. only: LLS_NONE32: each. */
static bool grow(lls_candidates *c, uint32_t child, const uint32_t *set, uint32_t size,
                 uint32_t only)
{
    lls_families *f = c->families;
    uint32_t wanted = 0;
    bool fresh, good = true;
    if (size + 1 <= c->whole || size + 1 > f->most)
        return true;
    for (uint32_t p = 0; p < f->table->columns; p++) {
        if (only != LLS_NONE32 && p != only)
            continue;
        if (!is_new(c, child, set, size, p, &fresh))
            return false;
        if (fresh)
            f->last[wanted++] = p;
    }
    lls_counter_begin(&f->counter, child);
    for (uint32_t i = 0; i < size; i++)
        lls_counter_push(&f->counter, set[i]);
    if (wanted > 0)
        good = lls_counter_score(&f->counter, f->last, wanted, f->scores, f->seen);
    for (uint32_t i = 0; i < wanted && good; i++)
        if (f->scores[i] > c->none[child] + f->scorer.tie)
            good =
                add(c, child, c->key + 1, merge(set, size, f->last[i], c->key + 1), f->scores[i]);
    return good;
}

/* The best sets of a size grow by one, for all sizes up to the largest. */
static bool grow_best(lls_candidates *c, uint32_t child, uint32_t *base)
{
    const lls_families *f = c->families;
    double columns = f->table->columns;
    double room = fmin(MOST_FAMILIES, MOST_READS / (double)f->table->rows) / (columns * columns);
    uint32_t most = room < FEWEST_GROWN ? FEWEST_GROWN
                    : room < MOST_GROWN ? (uint32_t)room
                                        : MOST_GROWN;
    for (uint32_t size = c->whole; size < f->most; size++) {
        lls_candidate_list *list = &c->columns[child];
        uint32_t before = list->count, grown = 0;
        qsort(list->items, list->count, sizeof *list->items, compare);
        for (uint32_t i = 0, n = before; i < n && grown < most; i++) {
            const lls_candidate set = list->items[i];
            if (set.count != size)
                continue;
            memcpy(base, c->parents + set.first, size * sizeof *base);
            if (!grow(c, child, base, size, LLS_NONE32))
                return false;
            grown++;
        }
        if (list->count == before)
            break;
    }
    return true;
}

bool lls_candidates_explore(lls_candidates *c, uint32_t child, const uint32_t *set, uint32_t size)
{
    uint32_t base[32], less[32];
    memcpy(base, set, size * sizeof *base);
    if (!grow(c, child, base, size, LLS_NONE32))
        return false;
    for (uint32_t out = 0; out < size; out++) {
        uint32_t count = 0;
        for (uint32_t i = 0; i < size; i++)
            if (i != out)
                less[count++] = base[i];
        if (!grow(c, child, less, count, LLS_NONE32))
            return false;
        if (count > 0 && !grow(c, child, less, count - 1, less[count - 1]))
            return false;
    }
    return true;
}

/* --- lifetime ------------------------------------------------------------------------------ */

llmsched_status lls_candidates_init(lls_candidates *c, lls_families *families, uint32_t whole,
                                    llmsched_error *err)
{
    const llmsched_context *context = families->context;
    size_t columns = families->table->columns;
    memset(c, 0, sizeof *c);
    c->families = families;
    c->whole = whole < families->most ? whole : families->most;
    lls_map_init(&c->tried, context);
    c->columns = lls_calloc(context, columns, sizeof *c->columns);
    c->key = lls_calloc(context, (size_t)families->most + 2, sizeof *c->key);
    c->subset = lls_calloc(context, (size_t)families->most + 2, sizeof *c->subset);
    c->single = lls_calloc(context, columns, sizeof *c->single);
    c->none = lls_calloc(context, columns, sizeof *c->none);
    uint32_t *base = lls_calloc(context, (size_t)families->most + 1, sizeof *base);
    bool good = c->columns != NULL && c->key != NULL && c->subset != NULL && c->single != NULL &&
                c->none != NULL && base != NULL;
    for (uint32_t child = 0; child < columns && good; child++)
        good = try_small(c, child) && grow_best(c, child, base);
    lls_free(context, base);
    if (!good)
        return lls_fail_memory(err);
    lls_candidates_sort(c);
    return LLMSCHED_OK;
}

void lls_candidates_finish(lls_candidates *c)
{
    if (c->families == NULL)
        return;
    const llmsched_context *context = c->families->context;
    for (uint32_t i = 0; c->columns != NULL && i < c->families->table->columns; i++)
        lls_free(context, c->columns[i].items);
    lls_map_finish(&c->tried);
    lls_free(context, c->none);
    lls_free(context, c->single);
    lls_free(context, c->subset);
    lls_free(context, c->key);
    lls_free(context, c->worth);
    lls_free(context, c->columns);
    lls_free(context, c->parents);
    memset(c, 0, sizeof *c);
}
