/* SPDX-License-Identifier: Apache-2.0 */
#include "bayes/inference.h"

#include <math.h>
#include <string.h>

/* --- lifetime -------------------------------------------------------------------------- */

void lls_batch_finish(lls_batch *b, const llmsched_context *context)
{
    lls_memos_finish(&b->kept, context);
    lls_pattern_finish(&b->pattern, context);
    lls_groups_finish(&b->groups, context);
    lls_groups_finish(&b->twins, context);
    lls_free(context, b->masks);
    lls_free(context, b->list);
    lls_free(context, b->plain);
    lls_free(context, b->row);
    lls_free(context, b->soft_jobs);
    lls_free(context, b->observed);
    lls_free(context, b->soft);
    lls_free(context, b->likelihoods);
    memset(b, 0, sizeof *b);
}

static size_t mask_words(const llmsched_inference *inf)
{
    return ((size_t)inf->network->count + 31) / 32;
}

static bool allocate(llmsched_inference *inf)
{
    const llmsched_context *c = inf->context;
    lls_batch *b = &inf->batch;
    size_t n = inf->network->count, states = inf->network->state_offset[n];
    return lls_groups_init(&b->groups, c) && lls_groups_init(&b->twins, c) &&
           (b->masks = lls_calloc(c, LLS_BATCH_BLOCK * mask_words(inf), sizeof *b->masks)) !=
               NULL &&
           (b->list = lls_calloc(c, (size_t)2 * LLS_BATCH_BLOCK, sizeof *b->list)) != NULL &&
           (b->soft_jobs = lls_calloc(c, LLS_BATCH_BLOCK, sizeof *b->soft_jobs)) != NULL &&
           (b->row = lls_calloc(c, states, sizeof *b->row)) != NULL &&
           (b->plain = lls_calloc(c, n, sizeof *b->plain)) != NULL &&
           (b->observed = lls_calloc(c, n, sizeof *b->observed)) != NULL &&
           (b->soft = lls_calloc(c, n, sizeof *b->soft)) != NULL &&
           (b->likelihoods = lls_calloc(c, states, sizeof *b->likelihoods)) != NULL;
}

static bool prepare(llmsched_inference *inf)
{
    return inf->batch.ready = allocate(inf) && lls_memos_init(inf) && lls_pattern_init(inf);
}

/* --- blocks of jobs -------------------------------------------------------------------------- */

/* A call, or a block of one. */
typedef struct lls_jobs {
    const uint32_t *states;
    const double *likelihoods; /* laid out as the answers; NULL: nobody has any */
    double *out;
    int32_t *statuses;
    uint64_t count;
    size_t nodes, width; /* of each job: states, doubles */
} lls_jobs;

/* Hard evidence as bits; returns whether there is soft evidence too. Loops for vectors. */
static bool mask(const uint32_t *job, size_t nodes, uint32_t *words)
{
    static const uint32_t bits[32] = {
        0x1,       0x2,       0x4,       0x8,       0x10,       0x20,       0x40,       0x80,
        0x100,     0x200,     0x400,     0x800,     0x1000,     0x2000,     0x4000,     0x8000,
        0x10000,   0x20000,   0x40000,   0x80000,   0x100000,   0x200000,   0x400000,   0x800000,
        0x1000000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000, 0x80000000,
    };
    uint32_t soft = 0;
    for (size_t i = 0; i < nodes; i += 32) {
        const size_t length = nodes - i < 32 ? nodes - i : 32;
        uint32_t word = 0;
        for (size_t k = 0; k < length; k++) {
            word |= job[i + k] < LLMSCHED_STATE_SOFT ? bits[k] : 0;
            soft |= job[i + k] == LLMSCHED_STATE_SOFT ? 1 : 0;
        }
        words[i / 32] = word;
    }
    return soft != 0;
}

static lls_job job_of(const lls_jobs *block, uint32_t j)
{
    lls_job job = {block->states + j * block->nodes, block->likelihoods};
    if (job.likelihoods != NULL)
        job.likelihoods += j * block->width;
    return job;
}

static void answer_job(llmsched_inference *inf, const lls_jobs *block, uint32_t j)
{
    bool soft = inf->batch.soft_jobs[j];
    block->statuses[j] = lls_job_answer(inf, job_of(block, j), soft, block->out + j * block->width);
}

/* Jobs that agree in all their evidence are answered once. first: of a group. */
static void answer_twins(llmsched_inference *inf, const lls_jobs *block, uint32_t first)
{
    lls_batch *b = &inf->batch;
    uint32_t *list = b->list + LLS_BATCH_BLOCK, count = 0;
    for (uint32_t j = first; j != LLS_NONE32; j = b->groups.next[j]) {
        if (b->soft_jobs[j]) /* likelihoods hardly ever agree */
            answer_job(inf, block, j);
        else
            list[count++] = j;
    }
    lls_groups_sort(&b->twins, list, count, block->states, block->nodes);
    for (uint32_t g = 0; g < b->twins.count; g++) {
        uint32_t one = b->twins.first[g];
        answer_job(inf, block, one);
        for (uint32_t j = b->twins.next[one]; j != LLS_NONE32; j = b->twins.next[j]) {
            block->statuses[j] = block->statuses[one];
            if (block->statuses[j] == LLMSCHED_OK)
                memcpy(block->out + j * block->width, block->out + one * block->width,
                       block->width * sizeof *block->out);
        }
    }
}

static void answer_group(llmsched_inference *inf, const lls_jobs *block, uint32_t first)
{
    lls_batch *b = &inf->batch;
    lls_pattern_find(inf, block->states + first * block->nodes);
    if (!b->pattern.apart || b->pattern.dirty_count > 0) {
        answer_twins(inf, block, first);
        return;
    }
    for (uint32_t j = first; j != LLS_NONE32; j = b->groups.next[j])
        answer_job(inf, block, j);
}

static void answer_block(llmsched_inference *inf, const lls_jobs *block)
{
    lls_batch *b = &inf->batch;
    const uint32_t count = (uint32_t)block->count;
    size_t words = mask_words(inf);
    for (uint32_t j = 0; j < count; j++) {
        b->list[j] = j;
        b->soft_jobs[j] =
            mask(block->states + j * block->nodes, block->nodes, b->masks + j * words);
    }
    lls_groups_sort(&b->groups, b->list, count, b->masks, words);
    for (uint32_t g = 0; g < b->groups.count; g++)
        answer_group(inf, block, b->groups.first[g]);
}

static void hold_evidence(llmsched_inference *inf)
{
    lls_batch *b = &inf->batch;
    size_t n = inf->network->count;
    memcpy(b->observed, inf->observed, n * sizeof *b->observed);
    memcpy(b->soft, inf->soft, n * sizeof *b->soft);
    memcpy(b->likelihoods, inf->told, inf->network->state_offset[n] * sizeof *b->likelihoods);
}

/* Likelihoods count as rewritten: tables may hold those of a job. */
static void return_evidence(llmsched_inference *inf)
{
    const lls_batch *b = &inf->batch;
    size_t n = inf->network->count;
    memcpy(inf->observed, b->observed, n * sizeof *b->observed);
    memcpy(inf->soft, b->soft, n * sizeof *b->soft);
    for (uint32_t i = 0; i < n; i++) {
        if (inf->soft[i])
            (void)llmsched_inference_set_likelihood(inf, i,
                                                    b->likelihoods + inf->network->state_offset[i],
                                                    lls_states(inf->network, i), NULL);
        inf->touched[i] |= inf->soft[i];
    }
    inf->stale = inf->posterior.stale = true;
}

static void answer_all(llmsched_inference *inf, const lls_jobs *all)
{
    hold_evidence(inf);
    llmsched_inference_clear(inf);
    for (uint64_t begin = 0; begin < all->count; begin += LLS_BATCH_BLOCK) {
        lls_jobs block = *all;
        block.states += begin * all->nodes;
        if (all->likelihoods != NULL)
            block.likelihoods += begin * all->width;
        block.out += begin * all->width;
        block.statuses += begin;
        if (block.count - begin < LLS_BATCH_BLOCK)
            block.count -= begin;
        else
            block.count = LLS_BATCH_BLOCK;
        answer_block(inf, &block);
    }
    return_evidence(inf);
}

/* --- the calls ------------------------------------------------------------------------------ */

static llmsched_status bad_state(const llmsched_inference *inf, const lls_jobs *all, uint64_t job,
                                 llmsched_error *err)
{
    const llmsched_network *n = inf->network;
    const uint32_t *states = all->states + job * all->nodes;
    uint32_t i = 0;
    while (states[i] < lls_states(n, i) || states[i] == LLS_NONE32 ||
           (states[i] == LLMSCHED_STATE_SOFT && all->likelihoods != NULL))
        i++;
    if (states[i] == LLMSCHED_STATE_SOFT)
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "batch marginals: job %llu: node %u \"%.60s\" is said to have a "
                        "likelihood, but likelihoods is NULL",
                        (unsigned long long)job, i, n->names[i]);
    return lls_fail(err, LLMSCHED_ERROR_INVALID,
                    "batch marginals: job %llu: node %u \"%.60s\" has no state %u, only 0 to %u",
                    (unsigned long long)job, i, n->names[i], states[i], lls_states(n, i) - 1);
}

static llmsched_status bad_likelihood(const llmsched_inference *inf, uint64_t job, uint32_t node,
                                      llmsched_error *err)
{
    return lls_fail(err, LLMSCHED_ERROR_INVALID,
                    "batch marginals: job %llu: the likelihood of node %u \"%.60s\" must be "
                    "finite numbers >= 0, one of them positive",
                    (unsigned long long)job, node, inf->network->names[node]);
}

static bool is_likelihood(const double *values, uint32_t count)
{
    bool positive = false;
    for (uint32_t s = 0; s < count; s++) {
        if (!isfinite(values[s]) || values[s] < 0.0)
            return false;
        positive |= values[s] > 0.0;
    }
    return positive;
}

/* The node whose likelihood cannot be one; LLS_NONE32: all can. */
static uint32_t find_bad_likelihood(const llmsched_inference *inf, const uint32_t *job,
                                    const double *likelihoods)
{
    const uint32_t *offsets = inf->network->state_offset;
    for (uint32_t i = 0; i < inf->network->count; i++)
        if (job[i] == LLMSCHED_STATE_SOFT &&
            !is_likelihood(likelihoods + offsets[i], offsets[i + 1] - offsets[i]))
            return i;
    return LLS_NONE32;
}

enum { BAD = 1, SOFT = 2 };

/* Which of the two occur among the states of a job; without a branch. */
static uint32_t look_at(const llmsched_inference *inf, const uint32_t *job, size_t nodes)
{
    const uint32_t *offsets = inf->network->state_offset;
    uint32_t bad = 0, soft = 0;
    for (size_t i = 0; i < nodes; i++) {
        uint32_t beyond = job[i] >= offsets[i + 1] - offsets[i] ? BAD : 0;
        bad |= job[i] < LLMSCHED_STATE_SOFT ? beyond : 0;
        soft |= job[i] == LLMSCHED_STATE_SOFT ? SOFT : 0;
    }
    return bad | soft;
}

static llmsched_status check_jobs(const llmsched_inference *inf, const lls_jobs *all,
                                  llmsched_error *err)
{
    for (uint64_t j = 0; j < all->count; j++) {
        const uint32_t *job = all->states + j * all->nodes;
        uint32_t what = look_at(inf, job, all->nodes);
        if ((what & BAD) != 0 || ((what & SOFT) != 0 && all->likelihoods == NULL))
            return bad_state(inf, all, j, err);
        if ((what & SOFT) == 0)
            continue;
        uint32_t node = find_bad_likelihood(inf, job, all->likelihoods + j * all->width);
        if (node != LLS_NONE32)
            return bad_likelihood(inf, j, node, err);
    }
    return LLMSCHED_OK;
}

llmsched_status llmsched_inference_batch_soft_marginals(llmsched_inference *inference,
                                                        const uint32_t *states,
                                                        const double *likelihoods, uint64_t jobs,
                                                        double *probabilities, int32_t *statuses,
                                                        llmsched_error *err)
{
    if (inference == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "batch marginals: inference is NULL");
    const llmsched_network *n = inference->network;
    const size_t width = n->state_offset[n->count];
    if (jobs > 0 &&
        (statuses == NULL || (n->count > 0 && (states == NULL || probabilities == NULL))))
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "batch marginals: %s is NULL",
                        statuses == NULL ? "statuses"
                        : states == NULL ? "states"
                                         : "probabilities");
    if (lls_times(jobs, lls_times(width, sizeof(double))) > PTRDIFF_MAX)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "batch marginals: no memory holds %llu jobs",
                        (unsigned long long)jobs);
    const lls_jobs all = {states, likelihoods, probabilities, statuses, jobs, n->count, width};
    llmsched_status status = check_jobs(inference, &all, err);
    if (status != LLMSCHED_OK)
        return status;
    if (!inference->batch.ready && !prepare(inference)) {
        lls_batch_finish(&inference->batch, inference->context);
        return lls_fail_memory(err);
    }
    answer_all(inference, &all);
    return LLMSCHED_OK;
}

llmsched_status llmsched_inference_batch_marginals(llmsched_inference *inference,
                                                   const uint32_t *states, uint64_t jobs,
                                                   double *probabilities, int32_t *statuses,
                                                   llmsched_error *err)
{
    return llmsched_inference_batch_soft_marginals(inference, states, NULL, jobs, probabilities,
                                                   statuses, err);
}
