/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Search over orders of the columns (Teyssier & Koller 2005; Scanagatta et al. 2015): an order is
 * worth the sum of each column's best parents among those before it. A column moves to the place
 * where that is most; from where no move helps the search starts again nearby or elsewhere.
 */
#include "bayes/candidates.h"

#include "bayes/graph.h"

#include <math.h>
#include <string.h>

/* Candidates looked at before no new start is made. */
static const uint64_t MOST_LOOKS = 1500000000;

typedef struct searcher {
    lls_candidates candidates;
    uint32_t columns;
    double tie;
    lls_random random;
    uint32_t *order, *place; /* columns by place, and back */
    uint32_t *choice;        /* of each column, into its candidates */
    uint32_t *queue;         /* columns still to be moved */
    uint32_t *best_order;
    double best;
    uint64_t looks;
} searcher;

/* --- worth of an order ------------------------------------------------------------------ */

static double worth(const searcher *s, uint32_t column)
{
    return s->candidates.columns[column].items[s->choice[column]].score;
}

static bool is_possible(const searcher *s, uint32_t column, const lls_candidate *c)
{
    const uint32_t *parents = lls_candidate_parents(&s->candidates, c);
    for (uint32_t i = 0; i < c->count; i++)
        if (s->place[parents[i]] > s->place[column])
            return false;
    return true;
}

/* The first candidate from here on whose parents all come before; having none always does. */
static void choose_from(searcher *s, uint32_t column, uint32_t from)
{
    const lls_candidate_list *list = &s->candidates.columns[column];
    while (from + 1 < list->count && !is_possible(s, column, &list->items[from]))
        from++, s->looks++;
    s->choice[column] = from;
}

static double evaluate(searcher *s)
{
    double sum = 0.0;
    for (uint32_t i = 0; i < s->columns; i++)
        s->place[s->order[i]] = i;
    for (uint32_t c = 0; c < s->columns; c++) {
        choose_from(s, c, 0);
        sum += worth(s, c);
    }
    return sum;
}

static bool has_parent(const searcher *s, uint32_t column, uint32_t parent)
{
    const lls_candidate *c = &s->candidates.columns[column].items[s->choice[column]];
    const uint32_t *parents = lls_candidate_parents(&s->candidates, c);
    for (uint32_t i = 0; i < c->count; i++)
        if (parents[i] == parent)
            return true;
    return false;
}

/* Exchanges the columns at two neighbouring places; returns what is gained. Only they may change
 * parents: the one in front can take the other, which cannot take it any more. */
static double exchange(searcher *s, uint32_t at)
{
    uint32_t a = s->order[at], b = s->order[at + 1];
    double before = worth(s, a) + worth(s, b);
    s->order[at] = b;
    s->order[at + 1] = a;
    s->place[a] = at + 1;
    s->place[b] = at;
    if (has_parent(s, b, a))
        choose_from(s, b, s->choice[b] + 1);
    if (s->choice[a] > 0)
        choose_from(s, a, 0);
    return worth(s, a) + worth(s, b) - before;
}

/* --- moves ------------------------------------------------------------------------------- */

static double move_to(searcher *s, uint32_t from, uint32_t to)
{
    double gained = 0.0;
    for (; from > to; from--)
        gained += exchange(s, from - 1);
    for (; from < to; from++)
        gained += exchange(s, from);
    return gained;
}

/* Moves a column to its best place; the first of equal ones. Returns what is gained, 0: it stays.
 */
static double move_column(searcher *s, uint32_t column)
{
    uint32_t from = s->place[column], best_place = from;
    double now = 0.0, best = s->tie;
    for (uint32_t at = from; at > 0; at--) {
        now += exchange(s, at - 1);
        if (now > best + s->tie) {
            best = now;
            best_place = at - 1;
        }
    }
    move_to(s, 0, from);
    now = 0.0;
    for (uint32_t at = from; at + 1 < s->columns; at++) {
        now += exchange(s, at);
        if (now > best + s->tie) {
            best = now;
            best_place = at + 1;
        }
    }
    (void)move_to(s, s->columns - 1, best_place);
    return best_place == from ? 0.0 : best;
}

static void shuffle(searcher *s, uint32_t *items)
{
    for (uint32_t i = s->columns; i > 1; i--) {
        uint32_t j = lls_random_below(&s->random, i), kept = items[i - 1];
        items[i - 1] = items[j];
        items[j] = kept;
    }
}

/* Until no move helps. */
static double climb(searcher *s)
{
    uint32_t idle = 0;
    (void)evaluate(s);
    for (uint32_t i = 0; i < s->columns; i++)
        s->queue[i] = i;
    shuffle(s, s->queue);
    for (uint32_t i = 0; idle < s->columns; i = i + 1 < s->columns ? i + 1 : 0)
        idle = move_column(s, s->queue[i]) > 0.0 ? 0 : idle + 1;
    return evaluate(s);
}

/* --- starts -------------------------------------------------------------------------------- */

/* Columns as they stand first, then in turn the best order with some columns moved, or any order.
 */
static void begin(searcher *s, uint32_t start)
{
    if (start == 0)
        return;
    memcpy(s->order, s->best_order, s->columns * sizeof *s->order);
    if (start % 3 == 0) {
        shuffle(s, s->order);
        return;
    }
    (void)evaluate(s);
    for (uint32_t i = 0; i < 2 + s->columns / 8; i++) {
        /* One after the other: compilers differ in the order of arguments. */
        uint32_t to = lls_random_below(&s->random, s->columns);
        uint32_t from = lls_random_below(&s->random, s->columns);
        (void)move_to(s, from, to);
    }
}

static bool keep_if_better(searcher *s, double score)
{
    if (!(score > s->best + s->tie))
        return false;
    s->best = score;
    memcpy(s->best_order, s->order, s->columns * sizeof *s->order);
    return true;
}

/* Tries the neighbours of the sets chosen under the best order. *grown: candidates were added. */
static bool explore(searcher *s, bool *grown)
{
    lls_candidates *c = &s->candidates;
    memcpy(s->order, s->best_order, s->columns * sizeof *s->order);
    (void)evaluate(s);
    for (uint32_t column = 0; column < s->columns; column++) {
        const lls_candidate chosen = c->columns[column].items[s->choice[column]];
        uint32_t set[32];
        memcpy(set, lls_candidate_parents(c, &chosen), chosen.count * sizeof *set);
        if (!lls_candidates_explore(c, column, set, chosen.count))
            return false;
    }
    *grown = c->added > 0;
    lls_candidates_sort(c);
    return true;
}

/* Under the best order, as long as more candidates make for a better one. */
static bool refine(searcher *s)
{
    bool grown = s->candidates.whole < s->candidates.families->most;
    while (grown) {
        if (!explore(s, &grown))
            return false;
        memcpy(s->order, s->best_order, s->columns * sizeof *s->order);
        grown = grown && keep_if_better(s, climb(s));
    }
    return true;
}

static bool search(searcher *s, uint32_t restarts)
{
    for (uint32_t start = 0; start <= restarts && (start == 0 || s->looks < MOST_LOOKS); start++) {
        begin(s, start);
        if (keep_if_better(s, climb(s)) && !refine(s))
            return false;
    }
    return true;
}

static void write_out(searcher *s, lls_structure *to)
{
    memcpy(s->order, s->best_order, s->columns * sizeof *s->order);
    (void)evaluate(s);
    for (uint32_t c = 0; c < s->columns; c++) {
        const lls_candidate *chosen = &s->candidates.columns[c].items[s->choice[c]];
        to->scores[c] = chosen->score;
        to->parent_count[c] = chosen->count;
        if (chosen->count > 0)
            memcpy(to->parents + (size_t)c * to->stride,
                   lls_candidate_parents(&s->candidates, chosen),
                   chosen->count * sizeof *to->parents);
    }
}

llmsched_status lls_search(lls_families *families, uint32_t whole, uint32_t restarts, uint64_t seed,
                           lls_structure *to, llmsched_error *err)
{
    const llmsched_context *context = families->context;
    size_t n = families->table->columns;
    searcher s = {.columns = (uint32_t)n, .tie = families->scorer.tie, .best = -INFINITY};
    lls_random_seed(&s.random, seed);
    s.order = lls_calloc(context, n, sizeof *s.order);
    s.place = lls_calloc(context, n, sizeof *s.place);
    s.choice = lls_calloc(context, n, sizeof *s.choice);
    s.queue = lls_calloc(context, n, sizeof *s.queue);
    s.best_order = lls_calloc(context, n, sizeof *s.best_order);
    llmsched_status status = LLMSCHED_OK;
    if (s.order == NULL || s.place == NULL || s.choice == NULL || s.queue == NULL ||
        s.best_order == NULL)
        status = lls_fail_memory(err);
    if (status == LLMSCHED_OK)
        status = lls_candidates_init(&s.candidates, families, whole, err);
    if (status == LLMSCHED_OK) {
        for (uint32_t i = 0; i < n; i++)
            s.order[i] = i;
        if (search(&s, restarts))
            write_out(&s, to);
        else
            status = lls_fail_memory(err);
    }
    lls_candidates_finish(&s.candidates);
    lls_free(context, s.best_order);
    lls_free(context, s.queue);
    lls_free(context, s.choice);
    lls_free(context, s.place);
    lls_free(context, s.order);
    return status;
}
