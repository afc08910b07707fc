/* SPDX-License-Identifier: Apache-2.0 */
#include "bayes/score.h"

#include "bayes/graph.h"

#include <math.h>
#include <string.h>

/* Functions kept at once; each alpha is that of a number of cells. */
enum { MEMO_COUNT = 128 };

/* --- the table, column by column ----------------------------------------------------- */

static void copy_columns(lls_scorer *s)
{
    const lls_table *t = s->table;
    for (uint32_t c = 0; c < t->columns; c++) {
        uint32_t *to = s->cells + (size_t)c * t->rows;
        for (size_t r = 0; r < t->rows; r++) {
            to[r] = t->cells[r * t->columns + c];
            s->gaps[c] |= to[r] == LLS_STATE_MISSING;
        }
    }
}

static bool all_ones(const lls_table *t)
{
    for (size_t r = 0; t->weights != NULL && r < t->rows; r++)
        if (t->weights[r] != 1.0)
            return false;
    return true;
}

llmsched_status lls_scorer_init(lls_scorer *s, const llmsched_context *context,
                                const lls_table *table, lls_score score, double ess,
                                uint32_t max_parents, llmsched_error *err)
{
    memset(s, 0, sizeof *s);
    s->context = context;
    s->table = table;
    s->score = score;
    s->ess = ess;
    s->levels = max_parents > 0 ? max_parents : 1;
    size_t cells = (size_t)lls_times(table->rows, table->columns);
    s->row_weights = all_ones(table) ? NULL : table->weights;
    s->total = table->weights != NULL ? lls_sum(table->weights, table->rows) : (double)table->rows;
    s->tie = 1e-13 * (1.0 + lls_xlogx(fmax(s->total, 1.0)));
    s->cells = lls_calloc(context, cells, sizeof *s->cells);
    s->gaps = lls_calloc(context, table->columns, sizeof *s->gaps);
    s->prefixes =
        lls_calloc(context, (size_t)lls_times(table->rows, s->levels), sizeof *s->prefixes);
    s->seen = lls_calloc(context, table->rows + 1, sizeof *s->seen);
    s->memos = lls_calloc(context, MEMO_COUNT, sizeof *s->memos);
    if (s->cells == NULL || s->gaps == NULL || s->prefixes == NULL || s->seen == NULL ||
        s->memos == NULL)
        return lls_fail_memory(err);
    copy_columns(s);
    return LLMSCHED_OK;
}

void lls_scorer_finish(lls_scorer *s)
{
    if (s->context == NULL)
        return;
    for (uint32_t m = 0; s->memos != NULL && m < MEMO_COUNT; m++)
        lls_free(s->context, s->memos[m].values);
    lls_free(s->context, s->memos);
    lls_free(s->context, s->seen);
    lls_free(s->context, s->marks);
    lls_free(s->context, s->weights);
    lls_free(s->context, s->counts);
    lls_free(s->context, s->prefixes);
    lls_free(s->context, s->gaps);
    lls_free(s->context, s->cells);
    memset(s, 0, sizeof *s);
}

/* --- counting --------------------------------------------------------------------------- */

const uint32_t *lls_scorer_column(const lls_scorer *s, uint32_t c)
{
    return s->cells + (size_t)c * s->table->rows;
}

/* prefixes[level] = configuration of the first level + 1 parents. */
static void extend_prefix(lls_scorer *s, uint32_t level, uint32_t parent)
{
    size_t rows = s->table->rows;
    uint32_t states = s->table->states[parent];
    const uint32_t *cells = lls_scorer_column(s, parent);
    uint32_t *to = s->prefixes + level * rows;
    const uint32_t *from = level > 0 ? to - rows : NULL;
    for (size_t r = 0; r < rows; r++) {
        uint32_t before = from != NULL ? from[r] : 0;
        bool gap = before == LLS_NONE32 || cells[r] == LLS_STATE_MISSING;
        to[r] = gap ? LLS_NONE32 : before * states + cells[r];
    }
}

static bool reserve(lls_scorer *s, uint32_t cells, uint32_t configurations)
{
    const llmsched_context *c = s->context;
    bool weighted = s->row_weights != NULL;
    uint32_t *capacity = weighted ? &s->weight_capacity : &s->cell_capacity;
    uint32_t before = *capacity, marked = s->mark_capacity;
    if (weighted) {
        if (!lls_grow(c, (void **)&s->weights, capacity, cells, sizeof *s->weights))
            return false;
        memset(s->weights + before, 0, (*capacity - before) * sizeof *s->weights);
    } else {
        if (!lls_grow(c, (void **)&s->counts, capacity, cells, sizeof *s->counts))
            return false;
        memset(s->counts + before, 0, (*capacity - before) * sizeof *s->counts);
    }
    if (!lls_grow(c, (void **)&s->marks, &s->mark_capacity, configurations, sizeof *s->marks))
        return false;
    memset(s->marks + marked, 0, s->mark_capacity - marked);
    return true;
}

/* Two loops that count alike: in the second rows may be left out or weigh more than 1. */
static uint32_t count_whole(lls_scorer *s, uint32_t child, const uint32_t *before,
                            const uint32_t *last, uint32_t last_states)
{
    const uint32_t *own = lls_scorer_column(s, child);
    uint32_t r = s->table->states[child], found = 0;
    for (size_t row = 0; row < s->table->rows; row++) {
        uint32_t j = before != NULL ? before[row] : 0;
        j = last != NULL ? j * last_states + last[row] : j;
        s->seen[found] = j;
        found += !s->marks[j];
        s->marks[j] = 1;
        s->counts[(size_t)j * r + own[row]]++;
    }
    return found;
}

static uint32_t count_with_gaps(lls_scorer *s, uint32_t child, const uint32_t *before,
                                const uint32_t *last, uint32_t last_states)
{
    const uint32_t *own = lls_scorer_column(s, child);
    const double *weights = s->row_weights;
    uint32_t r = s->table->states[child], found = 0;
    for (size_t row = 0; row < s->table->rows; row++) {
        uint32_t j = before != NULL ? before[row] : 0;
        if (j == LLS_NONE32 || own[row] == LLS_STATE_MISSING ||
            (last != NULL && last[row] == LLS_STATE_MISSING))
            continue;
        j = last != NULL ? j * last_states + last[row] : j;
        s->seen[found] = j;
        found += !s->marks[j];
        s->marks[j] = 1;
        if (weights != NULL)
            s->weights[(size_t)j * r + own[row]] += weights[row];
        else
            s->counts[(size_t)j * r + own[row]]++;
    }
    return found;
}

/* --- scores ------------------------------------------------------------------------------- */

static double compute(double n, double alpha)
{
    return alpha > 0.0 ? lls_lgamma(n + alpha) - lls_lgamma(alpha) : lls_xlogx(n);
}

lls_memo *lls_memo_of(lls_scorer *s, double alpha, const lls_memo *keep)
{
    for (uint32_t i = 0; i < MEMO_COUNT; i++)
        if (s->memos[i].values != NULL && s->memos[i].alpha == alpha)
            return &s->memos[i];
    lls_memo *m = &s->memos[s->memo_next++ % MEMO_COUNT];
    if (m == keep)
        m = &s->memos[s->memo_next++ % MEMO_COUNT];
    if (m->values == NULL) {
        size_t most = s->table->rows < LLS_MEMO_SIZE ? s->table->rows + 1 : LLS_MEMO_SIZE;
        /* Weights may make counts larger than rows. */
        most = s->row_weights != NULL ? LLS_MEMO_SIZE : most;
        m->values = lls_calloc(s->context, most, sizeof *m->values);
    }
    if (m->values == NULL)
        return NULL;
    m->alpha = alpha;
    m->known = 1;
    m->values[0] = m->error = 0.0;
    return m;
}

void lls_memo_reach(lls_memo *m, double most)
{
    uint32_t end = most < LLS_MEMO_SIZE ? (uint32_t)most + 1 : LLS_MEMO_SIZE;
    for (uint32_t n = m->known; n < end; n++) {
        if (!(m->alpha > 0.0)) {
            m->values[n] = n * log(n);
            continue;
        }
        /* ln G(n + alpha) = ln G(n - 1 + alpha) + ln(n - 1 + alpha), summed with compensation. */
        double before = m->values[n - 1], term = log(n - 1 + m->alpha) - m->error;
        double sum = before + term;
        m->error = (sum - before) - term;
        m->values[n] = sum;
    }
    m->known = end > m->known ? end : m->known;
}

double lls_memo_value(lls_memo *m, double n)
{
    if (!(n < LLS_MEMO_SIZE) || n != floor(n))
        return compute(n, m->alpha);
    if (n >= m->known)
        lls_memo_reach(m, n);
    return m->values[(uint32_t)n];
}

/* N_jk, which is cleared. */
static double take_count(lls_scorer *s, size_t cell)
{
    double n = 0.0;
    if (s->row_weights != NULL) {
        n = s->weights[cell];
        s->weights[cell] = 0.0;
    } else {
        n = s->counts[cell];
        s->counts[cell] = 0;
    }
    return n;
}

/* The likelihood part from the counts of the configurations seen, which it clears; *counted: their
 * weight. */
static double likelihood(lls_scorer *s, uint32_t r, uint32_t found, lls_memo *memo_j,
                         lls_memo *memo_jk, double *counted)
{
    double sum = 0.0;
    *counted = 0.0;
    for (uint32_t i = 0; i < found; i++) {
        size_t first = (size_t)s->seen[i] * r;
        double n_j = 0.0, inner = 0.0;
        for (uint32_t k = 0; k < r; k++) {
            double n = take_count(s, first + k);
            if (n <= 0.0)
                continue;
            n_j += n;
            inner += lls_memo_value(memo_jk, n);
        }
        s->marks[s->seen[i]] = 0;
        sum += inner - lls_memo_value(memo_j, n_j);
        *counted += n_j;
    }
    return sum;
}

double lls_score_penalty(const lls_scorer *s, uint32_t child, uint64_t cells)
{
    uint32_t r = s->table->states[child];
    return log(fmax(s->total, 1.0)) / 2.0 * ((double)cells - (double)(cells / r));
}

double lls_score_bound(const lls_scorer *s, uint32_t child, uint64_t cells)
{
    return s->score == LLS_SCORE_BIC ? -lls_score_penalty(s, child, cells) : INFINITY;
}

/* Counts the family's rows; returns the number of parent configurations seen. */
static uint32_t count_rows(lls_scorer *s, uint32_t child, const uint32_t *parents, uint32_t count,
                           uint32_t same, bool gaps)
{
    for (uint32_t level = same; level + 1 < count; level++)
        extend_prefix(s, level, parents[level]);
    const uint32_t *before = count > 1 ? s->prefixes + (count - 2) * s->table->rows : NULL;
    const uint32_t *last = count > 0 ? lls_scorer_column(s, parents[count - 1]) : NULL;
    uint32_t last_states = count > 0 ? s->table->states[parents[count - 1]] : 1;
    if (gaps || s->row_weights != NULL)
        return count_with_gaps(s, child, before, last, last_states);
    return count_whole(s, child, before, last, last_states);
}

bool lls_score_family(lls_scorer *s, uint32_t child, const uint32_t *parents, uint32_t count,
                      uint32_t same, double *score)
{
    uint64_t cells = lls_family_cells(s->table, child, parents, count);
    uint32_t r = s->table->states[child], q = (uint32_t)(cells / r);
    double a_j = s->score == LLS_SCORE_BDEU ? s->ess / q : 0.0, a_jk = a_j / r, counted;
    lls_memo *memo_j = lls_memo_of(s, a_j, NULL);
    lls_memo *memo_jk = memo_j != NULL ? lls_memo_of(s, a_jk, memo_j) : NULL;
    if (memo_jk == NULL || !reserve(s, (uint32_t)cells, q))
        return false;
    bool gaps = s->gaps[child];
    for (uint32_t p = 0; p < count; p++)
        gaps |= s->gaps[parents[p]];
    uint32_t found = count_rows(s, child, parents, count, same, gaps);
    double sum = likelihood(s, r, found, memo_j, memo_jk, &counted);
    if (counted <= 0.0)
        /* Nobody saw this family whole: only "no parents" may stand on that. */
        sum = count > 0 ? -INFINITY : 0.0;
    else if (gaps)
        sum *= s->total / counted;
    *score = s->score == LLS_SCORE_BIC ? sum - lls_score_penalty(s, child, cells) : sum;
    return true;
}
