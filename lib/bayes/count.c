/* SPDX-License-Identifier: Apache-2.0 */
#include "bayes/count.h"

#include "bayes/graph.h"

#include <math.h>
#include <string.h>

/* Cells of a histogram: so many fit the fastest cache twice, and no index passes 16 bits. */
enum { FEWEST_CELLS = 256, MOST_CELLS = 4096 };

enum { BLOCK_ROWS = 512 };

/* --- groups ------------------------------------------------------------------------- */

/*
 * States that a group may have, so that with two more columns of middling size it stays within the
 * limit: their pairs are what is counted most.
 */
static uint32_t group_limit(const lls_counter *c)
{
    const lls_table *t = c->scorer->table;
    double logs = 0.0;
    for (uint32_t i = 0; i < t->columns; i++)
        logs += log(t->states[i]);
    return (uint32_t)(c->limit / exp(2.0 * logs / t->columns));
}

static void form_groups(lls_counter *c)
{
    const uint32_t *states = c->scorer->table->states;
    uint32_t limit = group_limit(c);
    for (uint32_t i = 0; i < c->scorer->table->columns; i++) {
        lls_column_group *g = c->group_count > 0 ? &c->groups[c->group_count - 1] : NULL;
        if (g != NULL && lls_times(g->cells, states[i]) <= limit) {
            g->count++;
            g->cells *= states[i];
        } else {
            c->groups[c->group_count++] = (lls_column_group){i, 1, states[i]};
        }
    }
}

static void fill_columns(lls_counter *c)
{
    const lls_table *t = c->scorer->table;
    for (uint32_t i = 0; i < t->columns; i++) {
        const uint32_t *from = lls_scorer_column(c->scorer, i);
        uint16_t *to = c->columns + (size_t)i * t->rows;
        for (size_t r = 0; t->states[i] <= MOST_CELLS && r < t->rows; r++)
            to[r] = (uint16_t)from[r]; /* those with gaps are not used */
    }
}

static void fill_codes(lls_counter *c)
{
    const lls_table *t = c->scorer->table;
    for (uint32_t g = 0; g < c->group_count; g++) {
        uint16_t *to = c->codes + (size_t)g * t->rows;
        for (uint32_t i = 0; c->groups[g].count > 1 && i < c->groups[g].count; i++) {
            uint32_t column = c->groups[g].first + i, states = t->states[column];
            const uint16_t *from = c->columns + (size_t)column * t->rows;
            for (size_t r = 0; r < t->rows; r++)
                to[r] = (uint16_t)(to[r] * states + from[r]);
        }
    }
}

llmsched_status lls_counter_init(lls_counter *c, lls_scorer *scorer, uint32_t most,
                                 llmsched_error *err)
{
    const llmsched_context *context = scorer->context;
    size_t rows = scorer->table->rows, columns = scorer->table->columns;
    memset(c, 0, sizeof *c);
    c->scorer = scorer;
    c->most = most;
    c->plain = scorer->row_weights == NULL;
    c->limit = rows < FEWEST_CELLS ? FEWEST_CELLS : rows < MOST_CELLS ? (uint32_t)rows : MOST_CELLS;
    c->groups = lls_calloc(context, columns, sizeof *c->groups);
    c->counts = lls_calloc(context, 2 * (size_t)c->limit, sizeof *c->counts);
    c->family = lls_calloc(context, c->limit, sizeof *c->family);
    c->totals = lls_calloc(context, c->limit, sizeof *c->totals);
    c->levels = lls_calloc(context, (size_t)lls_times(rows, (uint64_t)most + 1), sizeof *c->levels);
    c->level_cells = lls_calloc(context, (size_t)most + 1, sizeof *c->level_cells);
    c->set = lls_calloc(context, (size_t)most + 1, sizeof *c->set);
    if (c->groups == NULL || c->counts == NULL || c->family == NULL || c->totals == NULL ||
        c->levels == NULL || c->level_cells == NULL || c->set == NULL)
        return lls_fail_memory(err);
    form_groups(c);
    return c->plain ? lls_bits_init(&c->bits, scorer, err) : LLMSCHED_OK;
}

void lls_counter_finish(lls_counter *c)
{
    if (c->scorer == NULL)
        return;
    const llmsched_context *context = c->scorer->context;
    lls_sums_finish(&c->sums);
    lls_bits_finish(&c->bits);
    lls_free(context, c->set);
    lls_free(context, c->level_cells);
    lls_free(context, c->levels);
    lls_free(context, c->totals);
    lls_free(context, c->family);
    lls_free(context, c->counts);
    lls_free(context, c->codes);
    lls_free(context, c->groups);
    lls_free(context, c->columns);
    memset(c, 0, sizeof *c);
}

/* --- the common parents -------------------------------------------------------------- */

/* Beyond the limit no histogram is made, so the codes are not needed; likewise where rows have
 * gaps. */
static void extend(lls_counter *c, uint32_t depth)
{
    size_t rows = c->scorer->table->rows;
    uint32_t column = depth > 0 ? c->set[depth - 1] : c->child;
    const uint16_t *from = c->columns + (size_t)column * rows;
    uint16_t *to = c->levels + depth * rows;
    if (c->level_cells[depth] > c->limit)
        return;
    if (depth == 0)
        memcpy(to, from, rows * sizeof *to);
    for (size_t r = 0; depth > 0 && r < rows; r++)
        to[r] = (uint16_t)(from[r] * c->level_cells[depth - 1] + to[r - rows]);
}

/* All that histograms over the rows need, as late as they are needed. false: no memory. */
static bool prepare(lls_counter *c)
{
    const llmsched_context *context = c->scorer->context;
    size_t cells = (size_t)lls_times(c->scorer->table->rows, c->scorer->table->columns);
    if (c->codes == NULL) {
        uint16_t *columns = lls_calloc(context, cells, sizeof *columns);
        uint16_t *codes = lls_calloc(context, cells, sizeof *codes);
        if (columns == NULL || codes == NULL) {
            lls_free(context, columns);
            lls_free(context, codes);
            return false;
        }
        c->columns = columns;
        c->codes = codes;
        fill_columns(c);
        fill_codes(c);
    }
    while (c->extended <= c->depth)
        extend(c, c->extended++);
    return true;
}

void lls_counter_begin(lls_counter *c, uint32_t child)
{
    c->depth = c->known = c->extended = 0;
    c->child = child;
    c->level_cells[0] = c->scorer->table->states[child];
}

void lls_counter_push(lls_counter *c, uint32_t parent)
{
    uint64_t before = c->level_cells[c->depth];
    if (c->known > c->depth)
        c->known = c->depth;
    c->set[c->depth++] = parent;
    c->level_cells[c->depth] = lls_times(before, c->scorer->table->states[parent]);
    if (c->extended > c->depth)
        c->extended = c->depth;
}

void lls_counter_pop(lls_counter *c)
{
    c->depth--;
}

/* --- counting --------------------------------------------------------------------------- */

/*
 * counts[code * stride + level] over all rows; the second half is added to the first. The places of
 * a block of rows are computed first: that loop turns into vectors.
 */
static void count(lls_counter *c, const uint16_t *codes, uint32_t cells, uint32_t stride)
{
    uint16_t places[BLOCK_ROWS];
    const uint16_t *level = c->levels + c->depth * c->scorer->table->rows;
    uint32_t *first = c->counts, *second = c->counts + c->limit;
    size_t rows = c->scorer->table->rows;
    memset(first, 0, cells * sizeof *first);
    memset(second, 0, cells * sizeof *second);
    for (size_t start = 0; start < rows; start += BLOCK_ROWS) {
        size_t block = rows - start < BLOCK_ROWS ? rows - start : BLOCK_ROWS, r = 0;
        for (size_t i = 0; i < block; i++)
            places[i] = (uint16_t)(codes[start + i] * (uint16_t)stride + level[start + i]);
        for (; r + 1 < block; r += 2) {
            first[places[r]]++;
            second[places[r + 1]]++;
        }
        if (r < block)
            first[places[r]]++;
    }
    for (uint32_t i = 0; i < cells; i++)
        first[i] += second[i];
}

static void count_level(lls_counter *c, uint32_t cells)
{
    const uint16_t *level = c->levels + c->depth * c->scorer->table->rows;
    memset(c->counts, 0, cells * sizeof *c->counts);
    for (size_t r = 0; r < c->scorer->table->rows; r++)
        c->counts[level[r]]++;
}

/* The counts of one member of a group from those of the group. */
static void add_up(lls_counter *c, const lls_column_group *g, uint32_t column, uint32_t stride)
{
    const uint32_t *states = c->scorer->table->states;
    uint32_t inner = stride, own = states[column];
    for (uint32_t i = column + 1; i < g->first + g->count; i++)
        inner *= states[i]; /* cells over which the member's state stays */
    memset(c->family, 0, (size_t)own * stride * sizeof *c->family);
    const uint32_t *from = c->counts, *end = c->counts + (size_t)g->cells * stride;
    for (uint32_t k = 0; from < end; k = k + 1 < own ? k + 1 : 0)
        for (const uint32_t *stop = from + inner; from < stop; from += stride)
            for (uint32_t i = 0; i < stride; i++)
                c->family[(size_t)k * stride + i] += from[i];
}

static bool score_counts(lls_counter *c, const uint32_t *counts, uint64_t cells, double *score,
                         uint64_t *seen)
{
    lls_scorer *s = c->scorer;
    uint32_t r = s->table->states[c->child], q = (uint32_t)(cells / r);
    double a_j = s->score == LLS_SCORE_BDEU ? s->ess / q : 0.0, most = 0.0, sum = 0.0;
    lls_memo *memo_j = lls_memo_of(s, a_j, NULL);
    lls_memo *memo_jk = memo_j != NULL ? lls_memo_of(s, a_j / r, memo_j) : NULL;
    if (memo_jk == NULL)
        return false;
    *seen = 0;
    for (uint32_t j = 0; j < q; j++) {
        uint32_t n_j = 0;
        for (uint32_t k = 0; k < r; k++) {
            n_j += counts[(size_t)j * r + k];
            *seen += counts[(size_t)j * r + k] > 0;
        }
        c->totals[j] = n_j;
        most = n_j > most ? n_j : most;
    }
    lls_memo_reach(memo_j, most);
    lls_memo_reach(memo_jk, most);
    if (most < LLS_MEMO_SIZE) {
        const double *f_j = memo_j->values, *f_jk = memo_jk->values;
        for (uint32_t j = 0; j < q; j++) {
            double inner = 0.0;
            for (uint32_t k = 0; k < r; k++)
                inner += f_jk[counts[(size_t)j * r + k]];
            sum += inner - f_j[(uint32_t)c->totals[j]];
        }
    } else {
        for (uint32_t j = 0; j < q; j++) {
            double inner = 0.0;
            for (uint32_t k = 0; k < r; k++)
                inner += lls_memo_value(memo_jk, counts[(size_t)j * r + k]);
            sum += inner - lls_memo_value(memo_j, c->totals[j]);
        }
    }
    *score = s->score == LLS_SCORE_BIC ? sum - lls_score_penalty(s, c->child, cells) : sum;
    return true;
}

/* --- many at once ------------------------------------------------------------------------ */

static bool has_gaps(const lls_counter *c)
{
    bool gaps = c->scorer->gaps[c->child];
    for (uint32_t i = 0; i < c->depth; i++)
        gaps |= c->scorer->gaps[c->set[i]];
    return gaps;
}

static bool score_alone(lls_counter *c, const uint32_t *last, bool plain, double *score,
                        uint64_t *seen)
{
    uint32_t size = c->depth;
    uint64_t stride = c->level_cells[c->depth];
    uint64_t cells = last != NULL ? lls_times(stride, c->scorer->table->states[*last]) : stride;
    if (plain && last == NULL && c->depth == 0 && c->bits.kernel != NULL && cells <= c->limit) {
        lls_bits_single(&c->bits, c->child, c->counts);
        return score_counts(c, c->counts, cells, score, seen);
    }
    if (plain && cells <= c->limit) {
        if (!prepare(c))
            return false;
        if (last != NULL)
            count(c, c->columns + *last * c->scorer->table->rows, (uint32_t)cells,
                  (uint32_t)stride);
        else
            count_level(c, (uint32_t)cells);
        return score_counts(c, c->counts, cells, score, seen);
    }
    if (last != NULL)
        c->set[size++] = *last;
    *seen = 0;
    if (!lls_score_family(c->scorer, c->child, c->set, size, c->known, score))
        return false;
    c->known = size > 0 ? size - 1 : 0;
    return true;
}

/* Those of the columns that belong to the group: from here on, how many. */
static uint32_t run_of(const lls_column_group *g, const uint32_t *last, uint32_t count)
{
    uint32_t n = 0;
    while (n < count && last[n] < g->first + g->count)
        n++;
    return n;
}

static bool score_group(lls_counter *c, const lls_column_group *g, const uint32_t *last, uint32_t n,
                        double *scores, uint64_t *seen)
{
    uint32_t stride = (uint32_t)c->level_cells[c->depth];
    const uint32_t *states = c->scorer->table->states;
    if (!prepare(c))
        return false;
    count(c, c->codes + (size_t)(g - c->groups) * c->scorer->table->rows, g->cells * stride,
          stride);
    for (uint32_t i = 0; i < n; i++) {
        add_up(c, g, last[i], stride);
        if (!score_counts(c, c->family, (uint64_t)stride * states[last[i]], &scores[i], &seen[i]))
            return false;
    }
    return true;
}

/* Counts all of the columns by bits, those with gaps too, of which nothing is taken. */
static bool begin_bits(lls_counter *c, const uint32_t *last, uint32_t count, bool *suits)
{
    uint32_t parent = c->depth > 0 ? c->set[0] : LLS_NONE32;
    *suits = c->depth <= 1 && lls_bits_suit(&c->bits, c->child, parent);
    return !*suits || lls_bits_count(&c->bits, c->child, parent, last[0], last[count - 1]);
}

static bool score_bits(lls_counter *c, uint32_t last, uint64_t cells, double *score, uint64_t *seen)
{
    lls_bits_take(&c->bits, last, c->counts);
    return score_counts(c, c->counts, cells, score, seen);
}

bool lls_counter_score(lls_counter *c, const uint32_t *last, uint32_t count, double *scores,
                       uint64_t *seen)
{
    bool plain = c->plain && !has_gaps(c);
    if (last == NULL)
        return score_alone(c, NULL, plain, scores, seen);
    const lls_column_group *g = c->groups;
    bool bits = false;
    if (plain && count > 0 && !begin_bits(c, last, count, &bits))
        return false;
    for (uint32_t i = 0, n; i < count; i += n) {
        while (last[i] >= g->first + g->count)
            g++;
        uint64_t cells = lls_times(c->level_cells[c->depth], c->scorer->table->states[last[i]]);
        if (bits && cells <= c->limit && !c->scorer->gaps[last[i]]) {
            if (!score_bits(c, last[i], cells, &scores[i], &seen[i]))
                return false;
            n = 1;
            continue;
        }
        if (plain && c->depth > 1 && c->sums.sum != NULL) {
            bool suits;
            if (!lls_sums_score(&c->sums, c->child, c->set, c->depth, last[i], cells, &scores[i],
                                &seen[i], &suits))
                return false;
            n = 1;
            if (suits)
                continue;
        }
        n = run_of(g, last + i, count - i);
        bool whole = plain && lls_times(g->cells, c->level_cells[c->depth]) <= c->limit;
        for (uint32_t m = 0; m < g->count && n > 1; m++)
            whole &= !c->scorer->gaps[g->first + m];
        if (n > 1 && whole) {
            if (!score_group(c, g, last + i, n, scores + i, seen + i))
                return false;
            continue;
        }
        for (uint32_t m = i; m < i + n; m++)
            if (!score_alone(c, &last[m], plain && !c->scorer->gaps[last[m]], &scores[m], &seen[m]))
                return false;
    }
    return true;
}
