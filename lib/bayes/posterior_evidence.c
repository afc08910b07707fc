/* SPDX-License-Identifier: Apache-2.0 */
#include "bayes/inference.h"

#include <string.h>

/* --- what changed --------------------------------------------------------------------------- */

/* An observed node's state, 0 where it is not: what it adds to offsets, in strides. */
static size_t share(uint32_t state)
{
    return state != LLS_NONE32 ? state : 0;
}

static void observe(llmsched_inference *inf, uint32_t node)
{
    lls_posterior *p = &inf->posterior;
    const uint32_t before = p->applied[node], now = inf->observed[node];
    const uint64_t toggled = (before == LLS_NONE32) != (now == LLS_NONE32);
    const size_t steps = share(now) - share(before); /* may wrap: offsets wrap back */
    const lls_place *place = p->places + p->place_offset[node];
    const lls_place *end = p->places + p->place_offset[node + 1];
    for (; place < end; place++) {
        lls_view *v = &p->views[place->bucket];
        v->offset += steps * place->stride;
        v->hidden ^= toggled << place->dim;
        lls_bit_set(p->dirty, place->bucket);
    }
    p->applied[node] = now;
    if (now == LLS_NONE32)
        return;
    double *row = p->marginals + inf->network->state_offset[node];
    if (before != LLS_NONE32)
        row[before] = 0.0;
    else
        memset(row, 0, lls_states(inf->network, node) * sizeof *row);
    row[now] = 1.0;
}

/* Takes over the likelihood. Compared by value: it may come from anywhere. */
static bool reword(llmsched_inference *inf, uint32_t node)
{
    lls_posterior *p = &inf->posterior;
    const bool before = p->worded[node], now = inf->soft[node];
    p->worded[node] = now;
    if (!now)
        return before;
    const uint32_t offset = inf->network->state_offset[node];
    const size_t size = lls_states(inf->network, node) * sizeof(double);
    double *kept = p->likelihoods + offset;
    if (before && memcmp(kept, inf->likelihoods + offset, size) == 0)
        return false;
    memcpy(kept, inf->likelihoods + offset, size);
    return true;
}

static bool take_over(llmsched_inference *inf, uint32_t node)
{
    lls_posterior *p = &inf->posterior;
    bool changed = (inf->soft[node] || p->worded[node]) && reword(inf, node);
    if (inf->observed[node] != p->applied[node]) {
        observe(inf, node);
        changed = true;
    }
    if (changed)
        lls_bit_set(p->dirty, inf->tree.bucket_of[node]);
    return changed;
}

/* Nodes looked at together, without a branch for each: bit k of the result: node k may have news.
 */
enum { BLOCK = 8 };

static inline uint64_t find_news(const uint32_t *now, const uint32_t *before, const bool *soft,
                                 const bool *worded, uint32_t count)
{
    uint64_t news = 0;
    for (uint32_t i = 0; i < count; i++)
        news |= (uint64_t)(((now[i] ^ before[i]) | soft[i] | worded[i]) != 0) << i;
    return news;
}

bool lls_posterior_apply(llmsched_inference *inference)
{
    const lls_posterior *p = &inference->posterior;
    const uint32_t *now = inference->observed, *before = p->applied, count = p->count;
    const bool *soft = inference->soft, *worded = p->worded;
    bool any = false;
    for (uint32_t i = 0; i < count; i += BLOCK) {
        uint64_t news = count - i >= BLOCK
                            ? find_news(now + i, before + i, soft + i, worded + i, BLOCK)
                            : find_news(now + i, before + i, soft + i, worded + i, count - i);
        for (; news != 0; news &= news - 1)
            any |= take_over(inference, i + lls_lowest_bit(news));
    }
    return any;
}

/* --- what is seen of the separators ----------------------------------------------------------- */

void lls_posterior_lay_out(llmsched_inference *inference, uint32_t bucket)
{
    lls_posterior *p = &inference->posterior;
    const lls_step *s = &p->steps[bucket];
    lls_view *v = &p->views[bucket];
    lls_view_row *rows = p->rows + s->dim;
    if (v->laid == v->hidden)
        return;
    v->laid = v->hidden;
    v->count = 0;
    v->columns = 1;
    for (uint32_t d = 0; d < s->dims; d++)
        if (v->hidden >> d & 1)
            rows[v->count++] =
                (lls_view_row){d, lls_states(inference->network, p->dim_nodes[s->dim + d]),
                               p->dim_strides[s->dim + d], 0};
    for (uint32_t k = v->count; k-- > 0; v->columns *= rows[k].extent)
        rows[k].compact = v->columns;
}

void lls_posterior_forget(llmsched_inference *inference)
{
    lls_posterior *p = &inference->posterior;
    const size_t bytes = lls_bit_words(p->count) * sizeof(uint64_t);
    p->stale = true;
    p->doubtful = 0;
    for (uint32_t i = 0; i < p->count; i++) {
        const uint32_t dims = p->steps[i].dims;
        p->applied[i] = LLS_NONE32;
        p->worded[i] = false;
        p->views[i] = (lls_view){.hidden = dims > 0 ? UINT64_MAX >> (64 - dims) : 0};
        p->views[i].laid = ~p->views[i].hidden;
        lls_posterior_lay_out(inference, i);
    }
    if (p->count == 0)
        return;
    lls_kept_forget(p);
    for (uint32_t i = 0; i < p->count; i++)
        if (p->steps[i].parent == LLS_NONE32)
            (void)lls_kept_recall(p, i); /* the first time there is nothing yet */
    memset(p->dirty, 0, bytes);
    memset(p->recalled, 0, bytes);
    memset(p->known, 0, bytes);
    memset(p->unsettled, 0, bytes);
    memset(p->believed, 0, bytes);
}
