/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The best of all structures (Silander & Myllymaki 2006): for each column the best parents within
 * each set of others, then for each set of columns the best last column of an order. What cannot
 * beat a subset of itself is not counted:
 *
 *     BIC(P)  <= -penalty(P), which falls as P grows;
 *     BDeu(P) <= -ln(r) * cells of the family that some row shows, which grow with P:
 *
 * the first row of a configuration has probability 1/r, the first one to show another of the
 * child's states in it less, and no row more than 1 (Correia, Cussens, de Campos 2020).
 */
#include "bayes/free_order.h"

#include "bayes/graph.h"

#include <math.h>
#include <string.h>

/* More families than this, or more cells to read, are left to the search. BIC's bound leaves few of
 * the large families to be counted, BDeu's leaves many, whose columns are counted once for all
 * children where every row shows all of them and counts alike. */
static const double MOST_FAMILIES = 4e6, MOST_READS_BIC = 4e10, MOST_READS_BDEU = 2e9,
                    MOST_READS_SHARED = 5e9;

/* A parent set that beats all its subsets. */
typedef struct improvement {
    double score;
    uint32_t set; /* a bit per column */
} improvement;

typedef struct optimum {
    const llmsched_context *context;
    lls_families *families;
    uint32_t columns;
    double *within;    /* [child << (columns - 1) | set without the child's bit]: best score */
    uint8_t *hopeless; /* of the present child: no superset improves on the set */
    improvement *improvements; /* child after child, each by size, then by columns */
    uint32_t *first;           /* columns + 1 */
    uint32_t count, capacity;
    double *best; /* of a set of columns */
    uint8_t *last;
} optimum;

static double most_reads(const lls_table *t, lls_score score)
{
    if (score == LLS_SCORE_BIC)
        return MOST_READS_BIC;
    bool shared = t->weights == NULL;
    for (size_t i = 0; shared && i < t->rows * t->columns; i++)
        shared = t->cells[i] != LLS_STATE_MISSING;
    return shared ? MOST_READS_SHARED : MOST_READS_BDEU;
}

bool lls_optimum_feasible(const lls_table *table, lls_score score, uint32_t max_parents)
{
    if (table->columns > LLS_OPTIMUM_COLUMNS)
        return false;
    double families = table->columns * lls_family_count(table->columns, max_parents);
    return families <= MOST_FAMILIES && families * (double)table->rows <= most_reads(table, score);
}

/* The set without the bit of a column that it lacks, closed up. */
static uint32_t squeeze(uint32_t set, uint32_t column)
{
    uint32_t low = (UINT32_C(1) << column) - 1;
    return (set & low) | ((set >> 1) & ~low);
}

/* --- parents of one column ------------------------------------------------------------- */

static uint32_t set_of(const optimum *o, const uint32_t *pick, uint32_t size)
{
    uint32_t set = 0;
    for (uint32_t i = 0; i < size; i++)
        set |= UINT32_C(1) << o->families->allowed[pick[i]];
    return set;
}

static double *scores_within(const optimum *o, uint32_t child)
{
    return o->within + ((size_t)child << (o->columns - 1));
}

/* Best score of the sets with one column less; INFINITY: one of them is hopeless or not scored. */
static double best_below(const optimum *o, uint32_t set)
{
    uint32_t child = o->families->child;
    const double *within = scores_within(o, child);
    double best = -INFINITY;
    for (uint32_t left = set; left != 0; left &= left - 1) {
        uint32_t below = squeeze(set & ~(left & (0 - left)), child);
        if (o->hopeless[below] || within[below] == -INFINITY)
            return INFINITY;
        best = fmax(best, within[below]);
    }
    return best;
}

static bool may_matter(void *user, const uint32_t *pick, uint32_t size, uint64_t cells)
{
    const optimum *o = user;
    const lls_scorer *s = &o->families->scorer;
    uint32_t set = set_of(o, pick, size), child = o->families->child;
    if (scores_within(o, child)[squeeze(set, child)] > -INFINITY)
        return !o->hopeless[squeeze(set, child)];
    double below = best_below(o, set);
    return below < INFINITY && lls_score_bound(s, child, cells) > below + s->tie;
}

static bool take(void *user, const uint32_t *pick, uint32_t size, double score, uint64_t seen)
{
    optimum *o = user;
    const lls_scorer *s = &o->families->scorer;
    uint32_t set = set_of(o, pick, size), child = o->families->child;
    uint32_t at = squeeze(set, child);
    double *within = scores_within(o, child);
    double below = size > 0 ? best_below(o, set) : -INFINITY;
    within[at] = below;
    if (score > below + s->tie || size == 0) {
        if (!lls_grow(o->context, (void **)&o->improvements, &o->capacity, (size_t)o->count + 1,
                      sizeof *o->improvements))
            return false;
        o->improvements[o->count++] = (improvement){score, set};
        within[at] = score;
    }
    o->hopeless[at] =
        s->score == LLS_SCORE_BDEU && -log(s->table->states[child]) * (double)seen <= within[at];
    return true;
}

static bool score_child(optimum *o, uint32_t child)
{
    const lls_family_visitor visitor = {o, may_matter, take};
    uint32_t sets = UINT32_C(1) << (o->columns - 1);
    double *within = scores_within(o, child);
    for (uint32_t set = 0; set < sets; set++)
        within[set] = -INFINITY;
    memset(o->hopeless, 0, sets * sizeof *o->hopeless);
    o->first[child] = o->count;
    lls_families_allow(o->families, child, o->columns, NULL);
    if (!lls_families_visit(o->families, o->families->most, &visitor))
        return false;
    for (uint32_t bit = 1; bit < sets; bit <<= 1)
        for (uint32_t set = 0; set < sets; set++)
            if ((set & bit) && within[set ^ bit] > within[set])
                within[set] = within[set ^ bit];
    return true;
}

/* --- orders ---------------------------------------------------------------------------- */

/* Of equal columns the highest comes last, so that parents stand rather to the left. */
static void find_order(optimum *o)
{
    double tie = o->families->scorer.tie;
    for (uint32_t set = 1; set < UINT32_C(1) << o->columns; set++) {
        o->best[set] = -INFINITY;
        for (uint32_t c = o->columns; c-- > 0;) {
            uint32_t before = set & ~(UINT32_C(1) << c);
            if (before == set)
                continue;
            double score = o->best[before] + scores_within(o, c)[squeeze(before, c)];
            if (score > o->best[set] + tie) {
                o->best[set] = score;
                o->last[set] = (uint8_t)c;
            }
        }
    }
}

static void choose(const optimum *o, lls_structure *to)
{
    double tie = o->families->scorer.tie;
    for (uint32_t set = (UINT32_C(1) << o->columns) - 1; set != 0;) {
        uint32_t child = o->last[set];
        set &= ~(UINT32_C(1) << child);
        const improvement *best = &o->improvements[o->first[child]];
        for (uint32_t i = o->first[child]; i < o->first[child + 1]; i++) {
            const improvement *next = &o->improvements[i];
            if ((next->set & ~set) == 0 && next->score > best->score + tie)
                best = next;
        }
        to->scores[child] = best->score;
        to->parent_count[child] = 0;
        for (uint32_t c = 0; c < o->columns; c++)
            if (best->set >> c & 1)
                to->parents[(size_t)child * to->stride + to->parent_count[child]++] = c;
    }
}

llmsched_status lls_optimum(lls_families *families, lls_structure *to, llmsched_error *err)
{
    uint32_t n = families->table->columns;
    size_t sets = (size_t)1 << (n - 1);
    optimum o = {.context = families->context, .families = families, .columns = n};
    llmsched_status status = LLMSCHED_OK;
    o.within = lls_calloc(o.context, n * sets, sizeof *o.within);
    o.hopeless = lls_calloc(o.context, sets, sizeof *o.hopeless);
    o.first = lls_calloc(o.context, (size_t)n + 1, sizeof *o.first);
    o.best = lls_calloc(o.context, 2 * sets, sizeof *o.best);
    o.last = lls_calloc(o.context, 2 * sets, sizeof *o.last);
    if (o.within == NULL || o.hopeless == NULL || o.first == NULL || o.best == NULL ||
        o.last == NULL)
        status = lls_fail_memory(err);
    if (status == LLMSCHED_OK && families->scorer.score == LLS_SCORE_BDEU && families->most > 2)
        status = lls_sums_init(&families->counter.sums, &families->scorer, families->most + 1, err);
    for (uint32_t child = 0; child < n && status == LLMSCHED_OK; child++)
        if (!score_child(&o, child))
            status = lls_fail_memory(err);
    if (status == LLMSCHED_OK) {
        o.first[n] = o.count;
        find_order(&o);
        choose(&o, to);
    }
    lls_free(o.context, o.last);
    lls_free(o.context, o.best);
    lls_free(o.context, o.improvements);
    lls_free(o.context, o.first);
    lls_free(o.context, o.hopeless);
    lls_free(o.context, o.within);
    return status;
}
