/* SPDX-License-Identifier: Apache-2.0 */
#include "bayes/inference.h"

#include <string.h>

/* --- lifetime -------------------------------------------------------------------------- */

void lls_pattern_finish(lls_pattern *p, const llmsched_context *context)
{
    lls_free(context, p->tops);
    lls_free(context, p->doubtful);
    lls_free(context, p->seen);
    lls_free(context, p->zeros);
    lls_free(context, p->holes);
    lls_free(context, p->top_of);
    lls_free(context, p->dirty);
}

static bool allocate(lls_pattern *p, const llmsched_context *c, size_t n)
{
    return (p->tops = lls_calloc(c, n, sizeof *p->tops)) != NULL &&
           (p->doubtful = lls_calloc(c, n, sizeof *p->doubtful)) != NULL &&
           (p->seen = lls_calloc(c, n, sizeof *p->seen)) != NULL &&
           (p->zeros = lls_calloc(c, n, sizeof *p->zeros)) != NULL &&
           (p->holes = lls_calloc(c, n, sizeof *p->holes)) != NULL &&
           (p->top_of = lls_calloc(c, n, sizeof *p->top_of)) != NULL &&
           (p->dirty = lls_calloc(c, n, sizeof *p->dirty)) != NULL;
}

static double least_of(const double *values, uint64_t n)
{
    double part[8] = {1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0}; /* for the compiler's vectors */
    uint64_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (uint64_t k = 0; k < 8; k++)
            part[k] = values[i + k] < part[k] ? values[i + k] : part[k];
    for (; i < n; i++)
        part[0] = values[i] < part[0] ? values[i] : part[0];
    for (uint64_t k = 1; k < 8; k++)
        part[0] = part[k] < part[0] ? part[k] : part[0];
    return part[0];
}

/* Where an observed bucket with its separator observed can be doubtful (posterior.h). */
static void find_holes(const llmsched_inference *inf, bool *holes)
{
    const lls_posterior *p = &inf->posterior;
    for (uint32_t i = 0; i < p->count; i++) {
        uint64_t begin = p->steps[i].table;
        uint64_t end = i + 1 < p->count ? p->steps[i + 1].table : inf->tree.clique_size;
        holes[i] = least_of(p->tables + begin, end - begin) < LLS_LEAST_ENTRY;
    }
}

bool lls_pattern_init(llmsched_inference *inference)
{
    lls_pattern *pattern = &inference->batch.pattern;
    if (!allocate(pattern, inference->context, inference->network->count))
        return false;
    find_holes(inference, pattern->holes);
    return true;
}

/* --- what jobs have in common ------------------------------------------------------------- */

static bool is_state(uint32_t state)
{
    return state < LLMSCHED_STATE_SOFT;
}

static void find_seen(const llmsched_inference *inf, const uint32_t *job, lls_pattern *pattern)
{
    const uint32_t *offsets = inf->network->state_offset;
    pattern->seen_count = pattern->zero_count = 0;
    for (uint32_t i = 0; i < inf->network->count; i++) {
        if (!is_state(job[i]))
            continue;
        pattern->seen[pattern->seen_count++] = i;
        lls_run *last = pattern->zeros + pattern->zero_count;
        if (pattern->zero_count > 0 && last[-1].offset + last[-1].length == offsets[i])
            last[-1].length += offsets[i + 1] - offsets[i];
        else
            pattern->zeros[pattern->zero_count++] =
                (lls_run){offsets[i], offsets[i + 1] - offsets[i]};
    }
}

void lls_pattern_find(llmsched_inference *inference, const uint32_t *states)
{
    const lls_posterior *p = &inference->posterior;
    lls_pattern *pattern = &inference->batch.pattern;
    uint32_t *top_of = pattern->top_of;
    pattern->top_count = pattern->doubtful_count = pattern->dirty_count = 0;
    pattern->apart = p->usable;
    for (uint32_t i = p->count; i-- > 0;) {
        const lls_step *s = &p->steps[i];
        bool observed = is_state(states[s->node]);
        top_of[i] = s->parent != LLS_NONE32 ? top_of[s->parent] : LLS_NONE32;
        if (top_of[i] != LLS_NONE32) {
            pattern->dirty_count += observed && pattern->dirty[top_of[i]] == 0;
            pattern->dirty[top_of[i]] += observed;
        } else if (!observed) {
            top_of[i] = pattern->top_count++;
            pattern->tops[top_of[i]] = i;
            pattern->dirty[top_of[i]] = 0;
        } else if (pattern->holes[i]) {
            pattern->doubtful[pattern->doubtful_count++] = i;
        }
    }
    find_seen(inference, states, pattern);
}

/* --- one job ------------------------------------------------------------------------------ */

/* As a caller would ask. */
static llmsched_status answer_alone(llmsched_inference *inf, lls_job job, double *out)
{
    const uint32_t *offsets = inf->network->state_offset;
    llmsched_inference_clear(inf);
    for (uint32_t i = 0; i < inf->network->count; i++) {
        if (job.states[i] == LLMSCHED_STATE_SOFT)
            (void)llmsched_inference_set_likelihood(inf, i, job.likelihoods + offsets[i],
                                                    offsets[i + 1] - offsets[i], NULL);
        else if (job.states[i] != LLS_NONE32)
            (void)llmsched_inference_set_state(inf, i, job.states[i], NULL);
    }
    llmsched_status status = lls_inference_marginals(inf, out, NULL);
    llmsched_inference_clear(inf);
    return status;
}

/* The smallest of the numbers that make up P(what is observed above the tops). */
static double least_above(const llmsched_inference *inf, const uint32_t *states)
{
    const lls_posterior *p = &inf->posterior;
    const lls_pattern *pattern = &inf->batch.pattern;
    double least = 1.0;
    for (uint32_t i = 0; i < pattern->doubtful_count; i++) {
        const lls_step *s = &p->steps[pattern->doubtful[i]];
        size_t at = s->table + states[s->node];
        for (uint32_t d = s->dim; d < s->dim + s->dims; d++)
            at += states[p->dim_nodes[d]] * p->dim_strides[d];
        least = p->tables[at] < least ? p->tables[at] : least;
    }
    return least;
}

static void write_seen(const llmsched_inference *inf, const uint32_t *states, double *out)
{
    const lls_pattern *pattern = &inf->batch.pattern;
    const uint32_t *offsets = inf->network->state_offset;
    for (uint32_t i = 0; i < pattern->zero_count; i++)
        memset(out + pattern->zeros[i].offset, 0, pattern->zeros[i].length * sizeof *out);
    for (uint32_t i = 0; i < pattern->seen_count; i++)
        out[offsets[pattern->seen[i]] + states[pattern->seen[i]]] = 1.0;
}

/* Top by top; false: that cannot tell. The calculator has been told the soft evidence. */
static bool answer_tops(llmsched_inference *inf, const uint32_t *states, double *out)
{
    const lls_pattern *pattern = &inf->batch.pattern;
    for (uint32_t t = 0; t < pattern->top_count; t++) {
        if (pattern->dirty[t] == 0) {
            if (!lls_memos_below(inf, pattern->tops[t], states, out))
                return false;
            continue;
        }
        memcpy(inf->observed, states, inf->network->count * sizeof *states);
        if (!lls_posterior_part(inf, pattern->tops[t], out))
            return false;
    }
    return true;
}

/* Tells or withdraws the likelihoods; their tops are dirty meanwhile. */
static const uint32_t *tell_soft(llmsched_inference *inf, lls_job job)
{
    const uint32_t *offsets = inf->network->state_offset;
    lls_batch *b = &inf->batch;
    for (uint32_t i = 0; i < inf->network->count; i++) {
        b->plain[i] = job.states[i] == LLMSCHED_STATE_SOFT ? LLS_NONE32 : job.states[i];
        if (job.states[i] != LLMSCHED_STATE_SOFT)
            continue;
        (void)llmsched_inference_set_likelihood(inf, i, job.likelihoods + offsets[i],
                                                offsets[i + 1] - offsets[i], NULL);
        b->pattern.dirty[b->pattern.top_of[inf->tree.bucket_of[i]]]++;
    }
    return b->plain;
}

static void forget_soft(llmsched_inference *inf, lls_job job)
{
    lls_batch *b = &inf->batch;
    for (uint32_t i = 0; i < inf->network->count; i++) {
        if (job.states[i] != LLMSCHED_STATE_SOFT)
            continue;
        inf->soft[i] = false;
        b->pattern.dirty[b->pattern.top_of[inf->tree.bucket_of[i]]]--;
    }
}

llmsched_status lls_job_answer(llmsched_inference *inference, lls_job job, bool soft, double *out)
{
    if (!inference->batch.pattern.apart)
        return answer_alone(inference, job, out);
    if (least_above(inference, job.states) < LLS_LEAST_ENTRY)
        return answer_alone(inference, job, out);
    const uint32_t *states = soft ? tell_soft(inference, job) : job.states;
    /* Nothing may be written before it is known whether all of it is possible. */
    bool careful = soft || inference->batch.pattern.dirty_count > 0;
    double *to = careful ? inference->batch.row : out;
    bool answered = answer_tops(inference, states, to);
    if (soft)
        forget_soft(inference, job);
    if (!answered)
        return answer_alone(inference, job, out);
    write_seen(inference, states, to);
    if (careful)
        memcpy(out, to, inference->network->state_offset[inference->network->count] * sizeof *out);
    return LLMSCHED_OK;
}
