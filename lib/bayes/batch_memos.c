/* SPDX-License-Identifier: Apache-2.0 */
#include "bayes/inference.h"

#include <string.h>

/* Doubles kept in all, 2 MiB, places for them to be found, and lists of where they belong. */
enum { MOST_KEPT = 1 << 18, MOST_SLOTS = 1 << 16, MOST_RUNS = 1 << 15 };

void lls_memos_finish(lls_memos *kept, const llmsched_context *context)
{
    lls_free(context, kept->answers);
    lls_free(context, kept->steps);
    lls_free(context, kept->slots);
    lls_free(context, kept->rows);
    lls_free(context, kept->runs);
    lls_free(context, kept->stack);
    lls_free(context, kept->mark);
}

/* --- room --------------------------------------------------------------------------------- */

/* Who gets slots: their number in all. The most that could be in use: doubles, runs. */
static uint32_t plan(const llmsched_inference *inf, lls_answers *answers, uint32_t *below,
                     uint64_t *rows, uint64_t *runs)
{
    const lls_posterior *p = &inf->posterior;
    uint32_t slots = 0;
    *rows = *runs = 0;
    for (uint32_t i = 0; i < p->count; i++) { /* children come before parents */
        const lls_step *s = &p->steps[i];
        lls_answers *a = &answers[i];
        uint64_t size = 1;
        for (uint32_t d = 0; d < s->dims; d++)
            size *= lls_states(inf->network, p->dim_nodes[s->dim + d]);
        a->width += s->states;
        below[i]++;
        if (s->parent != LLS_NONE32) {
            answers[s->parent].width += a->width;
            below[s->parent] += below[i];
        }
        a->slot = LLS_NONE32;
        if (size > MOST_SLOTS - slots || *runs + below[i] > MOST_RUNS)
            continue;
        a->slot = slots;
        slots += (uint32_t)size;
        *rows += lls_times(size, a->width);
        *runs += below[i];
    }
    for (uint32_t i = 0; i < p->count; i++)
        if (answers[i].slot == LLS_NONE32)
            answers[i].width = 0;
    return slots;
}

static void list_steps(const lls_posterior *p, size_t *steps)
{
    for (uint32_t i = 0; i < p->count; i++) {
        const lls_step *s = &p->steps[i];
        for (uint32_t d = s->dim; d < s->dim + s->dims; d++)
            steps[d] = p->dim_strides[d] / s->states;
    }
}

bool lls_memos_init(llmsched_inference *inference)
{
    const llmsched_context *c = inference->context;
    const lls_posterior *p = &inference->posterior;
    lls_memos *kept = &inference->batch.kept;
    size_t n = inference->network->count, dims = 0;
    uint64_t rows, runs;
    for (uint32_t i = 0; i < p->count; i++)
        dims += p->steps[i].dims;
    if ((kept->answers = lls_calloc(c, n, sizeof *kept->answers)) == NULL ||
        (kept->steps = lls_calloc(c, dims, sizeof *kept->steps)) == NULL ||
        (kept->stack = lls_calloc(c, n, sizeof *kept->stack)) == NULL ||
        (kept->mark = lls_calloc(c, n, sizeof *kept->mark)) == NULL)
        return false;
    list_steps(p, kept->steps);
    uint32_t slots = plan(inference, kept->answers, kept->stack, &rows, &runs);
    /* Grown, not cleared: rows are written one after another, most are never needed. */
    return (kept->slots = lls_calloc(c, slots, sizeof *kept->slots)) != NULL &&
           lls_grow(c, (void **)&kept->rows, &kept->capacity, rows < MOST_KEPT ? rows : MOST_KEPT,
                    sizeof *kept->rows) &&
           lls_grow(c, (void **)&kept->runs, &kept->run_capacity, runs, sizeof *kept->runs);
}

/* --- rows ---------------------------------------------------------------------------------- */

/* Marginals below a bucket in the order of nodes; neighbours join. */
static void list_runs(const llmsched_inference *inf, uint32_t bucket, lls_memos *kept)
{
    const lls_posterior *p = &inf->posterior;
    const uint32_t *offsets = inf->network->state_offset;
    lls_answers *a = &kept->answers[bucket];
    uint32_t depth = 0, count = 0, lowest = UINT32_MAX, highest = 0;
    lls_run *runs = kept->runs + kept->runs_used;
    kept->stack[depth++] = bucket;
    while (depth > 0) {
        const lls_step *s = &p->steps[kept->stack[--depth]];
        kept->mark[s->node] = true;
        lowest = s->node < lowest ? s->node : lowest;
        highest = s->node > highest ? s->node : highest;
        for (uint32_t k = 0; k < s->children; k++)
            kept->stack[depth++] = p->children[s->child + k];
    }
    for (uint32_t i = lowest; i <= highest; i++) {
        if (!kept->mark[i])
            continue;
        kept->mark[i] = false;
        if (count > 0 && runs[count - 1].offset + runs[count - 1].length == offsets[i])
            runs[count - 1].length += offsets[i + 1] - offsets[i];
        else
            runs[count++] = (lls_run){offsets[i], offsets[i + 1] - offsets[i]};
    }
    a->run = kept->runs_used;
    a->run_count = count;
    kept->runs_used += count;
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

static bool work_out(llmsched_inference *inf, uint32_t bucket, const uint32_t *job, double *out)
{
    memcpy(inf->observed, job, inf->network->count * sizeof *job);
    return lls_posterior_part(inf, bucket, out);
}

bool lls_memos_below(llmsched_inference *inference, uint32_t bucket, const uint32_t *job,
                     double *out)
{
    const lls_posterior *p = &inference->posterior;
    const lls_step *s = &p->steps[bucket];
    lls_memos *memos = &inference->batch.kept;
    const lls_answers *a = &memos->answers[bucket];
    size_t at = a->slot;
    if (a->width == 0)
        return work_out(inference, bucket, job, out);
    for (uint32_t d = s->dim; d < s->dim + s->dims; d++)
        at += job[p->dim_nodes[d]] * memos->steps[d];
    uint32_t slot = memos->slots[at];
    if (slot != 0) {
        copy_runs(memos->runs + a->run, a->run_count, memos->rows + slot - 1, out);
        return true;
    }
    if (!work_out(inference, bucket, job, out))
        return false;
    if (a->width > memos->capacity - memos->used)
        return true;
    if (a->run_count == 0)
        list_runs(inference, bucket, memos);
    keep_runs(memos->runs + a->run, a->run_count, out, memos->rows + memos->used);
    memos->slots[at] = memos->used + 1;
    memos->used += a->width;
    return true;
}
