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
    const bool toggled = (before == LLS_NONE32) != (now == LLS_NONE32);
    const size_t steps = share(now) - share(before); /* may wrap: offsets wrap back */
    for (uint32_t k = p->place_offset[node]; k < p->place_offset[node + 1]; k++) {
        const lls_place *place = &p->places[k];
        lls_view *v = &p->views[place->bucket];
        v->offset += steps * place->stride;
        v->hidden ^= (uint64_t)toggled << place->dim;
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

static inline bool has_news(const llmsched_inference *inf, uint32_t node)
{
    const lls_posterior *p = &inf->posterior;
    return ((inf->observed[node] ^ p->applied[node]) | inf->soft[node] | p->worded[node]) != 0;
}

bool lls_posterior_apply(llmsched_inference *inference)
{
    lls_posterior *p = &inference->posterior;
    bool any = false;
    for (uint32_t i = 0; i < p->count; i++) {
        if (!has_news(inference, i))
            continue;
        bool changed = (inference->soft[i] || p->worded[i]) && reword(inference, i);
        if (inference->observed[i] != p->applied[i]) {
            observe(inference, i);
            changed = true;
        }
        if (changed)
            lls_bit_set(p->dirty, inference->tree.bucket_of[i]);
        any |= changed;
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
    if (v->hidden == 0)
        return;
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
    p->impossible = 0;
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
    memset(p->dirty, 0, bytes);
    memset(p->known, 0, bytes);
    memset(p->believed, 0, bytes);
    memset(p->unsettled, 0, bytes);
    for (uint32_t i = 0; i < p->count; i++)
        lls_bit_set(p->unsettled, i);
}
