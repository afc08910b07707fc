/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers kept for good. Where a piece of the tree holds no evidence its marginals depend on the
 * states of the separator above it alone: they are the same for all jobs that agree on these.
 */
#include "bayes/inference.h"

#include <string.h>

/* Doubles kept beyond the number of clique entries; no bucket takes more than a part of all. */
enum { LEAST_KEPT = 1 << 13, SHARE = 3 };

static uint64_t separator_size(const llmsched_inference *inf, const lls_step *s)
{
    uint64_t size = 1;
    for (uint32_t d = 0; d < s->dims; d++)
        size = lls_times(size, lls_states(inf->network, inf->posterior.dim_nodes[s->dim + d]));
    return size;
}

/* Buckets so that those below one follow it; each learns its stretch and its width. */
static void list_below(lls_posterior *p)
{
    uint32_t next = 0;
    for (uint32_t i = 0; i < p->count; i++) { /* children come before parents */
        lls_kept *m = &p->kept[i];
        const lls_step *s = &p->steps[i];
        m->count++;
        m->width += s->states;
        if (s->parent != LLS_NONE32) {
            p->kept[s->parent].count += m->count;
            p->kept[s->parent].width += m->width;
        }
    }
    for (uint32_t i = p->count; i-- > 0;) {
        const lls_step *s = &p->steps[i];
        uint32_t first = s->parent != LLS_NONE32 ? p->kept[i].first : next;
        p->kept[i].first = first;
        p->order[first++] = i;
        for (uint32_t k = 0; k < s->children; k++) {
            lls_kept *child = &p->kept[p->children[s->child + k]];
            child->first = first;
            first += child->count;
        }
        if (s->parent == LLS_NONE32)
            next = first;
    }
}

/* Who keeps answers: roots, and from there down what there is room for. */
static void plan(const llmsched_inference *inf, uint64_t *rows, uint64_t *known)
{
    const lls_posterior *p = &inf->posterior;
    uint64_t room = inf->tree.clique_size + LEAST_KEPT, most = room / SHARE;
    *rows = *known = 0;
    for (uint32_t i = p->count; i-- > 0;) {
        const lls_step *s = &p->steps[i];
        lls_kept *m = &p->kept[i];
        uint64_t size = separator_size(inf, s), all = lls_times(size, m->width);
        if (s->parent != LLS_NONE32 && (all > most || all > room))
            continue;
        room -= all < room ? all : room;
        m->size = size;
        m->row = *rows;
        m->known = *known;
        *rows += all;
        *known += size;
    }
}

bool lls_kept_init(llmsched_inference *inference)
{
    lls_posterior *p = &inference->posterior;
    const llmsched_context *c = inference->context;
    uint64_t rows, known;
    p->kept = lls_calloc_counted(c, p->count, sizeof *p->kept, &p->bytes);
    p->order = lls_calloc_counted(c, p->count, sizeof *p->order, &p->bytes);
    if (p->kept == NULL || p->order == NULL)
        return false;
    list_below(p);
    plan(inference, &rows, &known);
    p->kept_rows = lls_calloc_counted(c, rows, sizeof *p->kept_rows, &p->bytes);
    p->kept_known = lls_calloc_counted(c, known, sizeof *p->kept_known, &p->bytes);
    return p->kept_rows != NULL && p->kept_known != NULL;
}

void lls_kept_finish(lls_posterior *p, const llmsched_context *context)
{
    lls_free(context, p->kept);
    lls_free(context, p->order);
    lls_free(context, p->kept_rows);
    lls_free(context, p->kept_known);
}

void lls_kept_forget(lls_posterior *p)
{
    for (uint32_t i = 0; i < p->count; i++)
        if (p->steps[i].parent != LLS_NONE32)
            memset(p->kept_known + p->kept[i].known, 0, p->kept[i].size);
}

/* The table has the joint states of the separator one after another. */
static uint64_t place(const lls_posterior *p, uint32_t bucket)
{
    return p->views[bucket].offset / p->steps[bucket].states;
}

/* Rows are short. */
static inline void copy(double *to, const double *from, uint32_t n)
{
    for (; n >= 4; n -= 4, to += 4, from += 4)
        memcpy(to, from, 4 * sizeof *to);
    for (; n > 0; n--)
        *to++ = *from++;
}

bool lls_kept_recall(lls_posterior *p, uint32_t bucket)
{
    const lls_kept *m = &p->kept[bucket];
    if (m->size == 0)
        return false;
    const uint64_t at = place(p, bucket);
    if (!p->kept_known[m->known + at])
        return false;
    const double *row = p->kept_rows + m->row + at * m->width;
    const uint32_t *order = p->order + m->first;
    for (uint32_t k = 0; k < m->count; k++) {
        const uint32_t i = order[k], states = p->steps[i].states;
        copy(p->marginals + p->steps[i].offset, row, states);
        lls_bit_set(p->dirty, i);
        lls_bit_set(p->recalled, i);
        row += states;
    }
    return true;
}

void lls_kept_keep(lls_posterior *p, uint32_t bucket)
{
    const lls_kept *m = &p->kept[bucket];
    const uint64_t at = place(p, bucket);
    double *row = p->kept_rows + m->row + at * m->width;
    p->kept_known[m->known + at] = 1;
    for (uint32_t k = m->first; k < m->first + m->count; k++) {
        const lls_step *s = &p->steps[p->order[k]];
        copy(row, p->marginals + s->offset, s->states);
        row += s->states;
    }
}
