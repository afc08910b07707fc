/* SPDX-License-Identifier: Apache-2.0 */
#include "bayes/inference.h"

#include <string.h>

/* Doubles kept in all, 2 MiB, and below one bucket. */
enum { MOST_KEPT = 1 << 18, MOST_BELOW = 1 << 15 };

void lls_batch_finish(lls_batch *b, const llmsched_context *context)
{
    lls_free(context, b->memos);
    lls_free(context, b->runs);
    lls_free(context, b->rows);
    lls_free(context, b->known);
    lls_free(context, b->observed);
    lls_free(context, b->tops);
    lls_free(context, b->below);
    lls_free(context, b->soft);
    memset(b, 0, sizeof *b);
}

/* --- what is kept ----------------------------------------------------------------------- */

static uint64_t separator_size(const llmsched_inference *inf, const lls_step *s)
{
    uint64_t size = 1;
    for (uint32_t d = 0; d < s->dims; d++)
        size *= lls_states(inf->network, inf->posterior.dim_nodes[s->dim + d]);
    return size;
}

/* Sizes of what is below each bucket, and who gets a memo: rows, marks and runs in all. */
static void plan(const llmsched_inference *inf, lls_answers *memos, uint32_t *below, uint64_t *rows,
                 uint64_t *known, uint64_t *runs)
{
    const lls_posterior *p = &inf->posterior;
    *rows = *known = *runs = 0;
    for (uint32_t i = 0; i < p->count; i++) { /* children come before parents */
        const lls_step *s = &p->steps[i];
        lls_answers *m = &memos[i];
        uint64_t size = separator_size(inf, s);
        m->width += s->states;
        below[i]++;
        if (s->parent != LLS_NONE32) {
            memos[s->parent].width += m->width;
            below[s->parent] += below[i];
        }
        uint64_t all = lls_times(size, m->width);
        if (all > MOST_BELOW || *rows + all > MOST_KEPT)
            continue;
        m->rows = *rows;
        m->known = *known;
        m->run_count = 1; /* has a memo */
        *rows += all;
        *known += size;
        *runs += below[i];
    }
    for (uint32_t i = 0; i < p->count; i++)
        if (memos[i].run_count == 0)
            memos[i].width = 0;
}

/* Marginals below a bucket in the order of nodes; neighbours join. mark: per node, 0s. */
static uint32_t list_runs(const llmsched_inference *inf, uint32_t bucket, uint32_t *stack,
                          bool *mark, lls_run *runs)
{
    const lls_posterior *p = &inf->posterior;
    const uint32_t *offsets = inf->network->state_offset;
    uint32_t depth = 0, count = 0, lowest = UINT32_MAX, highest = 0;
    stack[depth++] = bucket;
    while (depth > 0) {
        const lls_step *s = &p->steps[stack[--depth]];
        mark[s->node] = true;
        lowest = s->node < lowest ? s->node : lowest;
        highest = s->node > highest ? s->node : highest;
        for (uint32_t k = 0; k < s->children; k++)
            stack[depth++] = p->children[s->child + k];
    }
    for (uint32_t i = lowest; i <= highest; i++) {
        if (!mark[i])
            continue;
        mark[i] = false;
        if (count > 0 && runs[count - 1].offset + runs[count - 1].length == offsets[i])
            runs[count - 1].length += offsets[i + 1] - offsets[i];
        else
            runs[count++] = (lls_run){offsets[i], offsets[i + 1] - offsets[i]};
    }
    return count;
}

static bool prepare(llmsched_inference *inf)
{
    const llmsched_context *c = inf->context;
    lls_batch *b = &inf->batch;
    uint64_t rows, known, runs;
    uint32_t used = 0;
    size_t n = inf->network->count;
    if ((b->memos = lls_calloc(c, n, sizeof *b->memos)) == NULL ||
        (b->observed = lls_calloc(c, n, sizeof *b->observed)) == NULL ||
        (b->tops = lls_calloc(c, n, sizeof *b->tops)) == NULL ||
        (b->below = lls_calloc(c, n, sizeof *b->below)) == NULL ||
        (b->soft = lls_calloc(c, n, sizeof *b->soft)) == NULL)
        return false;
    plan(inf, b->memos, b->tops, &rows, &known, &runs);
    if ((b->rows = lls_calloc(c, rows, sizeof *b->rows)) == NULL ||
        (b->known = lls_calloc(c, known, sizeof *b->known)) == NULL ||
        (b->runs = lls_calloc(c, runs, sizeof *b->runs)) == NULL)
        return false;
    for (uint32_t i = 0; i < inf->posterior.count; i++) {
        lls_answers *m = &b->memos[i];
        m->run = used;
        if (m->width > 0)
            used += m->run_count = list_runs(inf, i, b->tops, b->below, b->runs + used);
    }
    return b->ready = true;
}

/* --- one job ------------------------------------------------------------------------------ */

/*
 * The topmost buckets that are not observed, into tops. false: the job has something observed
 * below something that is not. *possible: P(observed) > 0.
 */
static bool find_tops(const llmsched_inference *inf, uint32_t *count, bool *possible)
{
    const lls_posterior *p = &inf->posterior;
    const uint32_t *observed = inf->observed;
    bool *below = inf->batch.below;
    *count = 0;
    *possible = true;
    for (uint32_t i = p->count; i-- > 0;) {
        const lls_step *s = &p->steps[i];
        uint32_t state = observed[s->node];
        bool under = s->parent != LLS_NONE32 && below[s->parent];
        below[i] = state == LLS_NONE32;
        if (under && !below[i])
            return false;
        if (under)
            continue;
        if (below[i]) {
            inf->batch.tops[(*count)++] = i;
            continue;
        }
        size_t at = state;
        for (uint32_t d = s->dim; d < s->dim + s->dims; d++)
            at += observed[p->dim_nodes[d]] * p->dim_strides[d];
        *possible &= p->tables[s->table + at] > 0.0;
    }
    return true;
}

static void copy_runs(const lls_run *runs, uint32_t count, const double *row, double *out)
{
    for (uint32_t r = 0; r < count; r++) {
        memcpy(out + runs[r].offset, row, runs[r].length * sizeof *row);
        row += runs[r].length;
    }
}

static void keep_runs(const lls_run *runs, uint32_t count, const double *out, double *row)
{
    for (uint32_t r = 0; r < count; r++) {
        memcpy(row, out + runs[r].offset, runs[r].length * sizeof *row);
        row += runs[r].length;
    }
}

static void answer_below(llmsched_inference *inf, uint32_t bucket, double *out)
{
    const lls_posterior *p = &inf->posterior;
    const lls_step *s = &p->steps[bucket];
    const lls_answers *m = &inf->batch.memos[bucket];
    const lls_run *runs = inf->batch.runs + m->run;
    if (m->width == 0) {
        lls_posterior_below(inf, bucket, out);
        return;
    }
    size_t at = 0;
    for (uint32_t d = s->dim; d < s->dim + s->dims; d++)
        at += inf->observed[p->dim_nodes[d]] * p->dim_strides[d];
    at /= s->states;
    double *row = inf->batch.rows + m->rows + at * m->width;
    if (inf->batch.known[m->known + at]) {
        copy_runs(runs, m->run_count, row, out);
        return;
    }
    lls_posterior_below(inf, bucket, out);
    keep_runs(runs, m->run_count, out, row);
    inf->batch.known[m->known + at] = 1;
}

/* As for a job alone. */
static llmsched_status answer_alone(llmsched_inference *inf, double *out)
{
    inf->stale = inf->posterior.stale = true;
    return lls_inference_marginals(inf, out, NULL);
}

static llmsched_status answer(llmsched_inference *inf, double *out)
{
    const llmsched_network *n = inf->network;
    uint32_t tops;
    bool possible;
    if (!inf->posterior.usable || !find_tops(inf, &tops, &possible))
        return answer_alone(inf, out);
    if (!possible)
        return LLMSCHED_ERROR_IMPOSSIBLE;
    memset(out, 0, n->state_offset[n->count] * sizeof *out);
    for (uint32_t i = 0; i < n->count; i++)
        if (inf->observed[i] != LLS_NONE32)
            out[n->state_offset[i] + inf->observed[i]] = 1.0;
    for (uint32_t t = 0; t < tops; t++)
        answer_below(inf, inf->batch.tops[t], out);
    return LLMSCHED_OK;
}

/* --- the call ------------------------------------------------------------------------------- */

static llmsched_status check(const llmsched_inference *inf, const uint32_t *states, uint64_t jobs,
                             llmsched_error *err)
{
    const llmsched_network *n = inf->network;
    for (uint64_t j = 0; j < jobs; j++)
        for (uint32_t i = 0; i < n->count; i++) {
            uint32_t state = states[j * n->count + i];
            if (state >= lls_states(n, i) && state != LLS_NONE32)
                return lls_fail(
                    err, LLMSCHED_ERROR_INVALID,
                    "batch marginals: job %llu: node %u \"%.60s\" has no state %u, only "
                    "0 to %u",
                    (unsigned long long)j, i, n->names[i], state, lls_states(n, i) - 1);
        }
    return LLMSCHED_OK;
}

llmsched_status llmsched_inference_batch_marginals(llmsched_inference *inference,
                                                   const uint32_t *states, uint64_t jobs,
                                                   double *probabilities, int32_t *statuses,
                                                   llmsched_error *err)
{
    if (inference == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "batch marginals: inference is NULL");
    const llmsched_network *n = inference->network;
    if (jobs > 0 &&
        (statuses == NULL || (n->count > 0 && (states == NULL || probabilities == NULL))))
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "batch marginals: %s is NULL",
                        statuses == NULL ? "statuses"
                        : states == NULL ? "states"
                                         : "probabilities");
    if (lls_times(jobs, lls_times(n->state_offset[n->count], sizeof(double))) > PTRDIFF_MAX)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "batch marginals: no memory holds %llu jobs",
                        (unsigned long long)jobs);
    llmsched_status status = check(inference, states, jobs, err);
    if (status != LLMSCHED_OK)
        return status;
    if (!inference->batch.ready && !prepare(inference)) {
        lls_batch_finish(&inference->batch, inference->context);
        return lls_fail_memory(err);
    }
    /* The calculator's own evidence steps aside. */
    uint32_t *observed = inference->observed;
    bool *soft = inference->soft;
    inference->observed = inference->batch.observed;
    inference->soft = inference->batch.soft;
    for (uint64_t j = 0; j < jobs; j++) {
        memcpy(inference->observed, states + j * n->count, n->count * sizeof *states);
        statuses[j] = answer(inference, probabilities + j * n->state_offset[n->count]);
    }
    inference->observed = observed;
    inference->soft = soft;
    inference->stale = inference->posterior.stale = true;
    return LLMSCHED_OK;
}
