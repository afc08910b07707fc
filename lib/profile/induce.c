/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A template for runs that come without one. A run's stages are told apart by
 * class and occurrence ("the third search"); those that enough runs show
 * become stages of the template, the most frequent first, in the mean order
 * of revealing. Whatever lies beyond max_stages is one aggregate stage per kind.
 */
#include "profile/internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The k-th stage of a class over all runs. */
typedef struct slot {
    uint32_t class_number, occurrence;
    uint32_t runs;  /* that show it */
    double rank;    /* sum, then mean, of its place in them */
    uint32_t stage; /* of the template; LLS_NONE32: left to the aggregate */
} slot;

typedef struct induction {
    const llmsched_profiler *profiler;
    uint32_t class_count; /* a class is name * 4 + kind; the rare ones of a kind are name_count * 4
                             + kind */
    uint8_t *common;      /* per class */
    uint32_t *counts;     /* per class, scratch of one run */
    lls_map index;        /* class and occurrence -> slot */
    slot *slots;
    uint32_t slot_count, slot_capacity;
    uint32_t chosen_count; /* the first of slots are the template, in its order */
    bool beyond[4];        /* per kind: some run has stages beyond the template */
    uint32_t more[4];      /* per kind: the aggregate stage */
} induction;

static uint32_t class_of(const induction *in, const lls_seen_stage *s)
{
    uint32_t own = s->name * 4 + s->kind;
    return in->common[own] ? own : (in->class_count / 4 - 1) * 4 + s->kind;
}

static uint64_t slot_key(uint32_t class_number, uint32_t occurrence)
{
    return (uint64_t)class_number << 32 | occurrence;
}

/* --- which names are classes of their own ---------------------------------------- */

static void find_common(induction *in)
{
    const llmsched_profiler *p = in->profiler;
    double needed = p->options.common * p->run_count;
    for (uint32_t r = 0; r < p->run_count; r++) {
        /* Until the end common marks the classes of the run at hand, so that each counts once. */
        for (uint32_t i = 0; i < p->runs[r].stage_count; i++) {
            uint32_t c = p->runs[r].stages[i].name * 4 + p->runs[r].stages[i].kind;
            if (!in->common[c]) {
                in->common[c] = 1;
                in->counts[c]++;
            }
        }
        for (uint32_t i = 0; i < p->runs[r].stage_count; i++)
            in->common[p->runs[r].stages[i].name * 4 + p->runs[r].stages[i].kind] = 0;
    }
    for (uint32_t c = 0; c < in->class_count; c++)
        in->common[c] = in->counts[c] > 0 && in->counts[c] >= needed;
    memset(in->counts, 0, in->class_count * sizeof *in->counts);
}

/* --- slots -------------------------------------------------------------------------- */

static llmsched_status count_slot(induction *in, uint32_t class_number, uint32_t place,
                                  llmsched_error *err)
{
    uint64_t key = slot_key(class_number, in->counts[class_number]);
    uint32_t at = lls_map_get_u64(&in->index, key);
    if (at == LLS_NONE32) {
        if (!lls_grow(in->profiler->context, (void **)&in->slots, &in->slot_capacity,
                      (size_t)in->slot_count + 1, sizeof *in->slots) ||
            !lls_map_put_u64(&in->index, key, in->slot_count))
            return lls_fail_memory(err);
        at = in->slot_count++;
        in->slots[at] = (slot){class_number, in->counts[class_number], 0, 0, LLS_NONE32};
    }
    in->slots[at].runs++;
    in->slots[at].rank += place;
    in->counts[class_number]++;
    return LLMSCHED_OK;
}

static void reset_counts(induction *in, const lls_seen_run *run)
{
    for (uint32_t i = 0; i < run->stage_count; i++)
        in->counts[class_of(in, &run->stages[i])] = 0;
}

static llmsched_status collect_slots(induction *in, llmsched_error *err)
{
    const llmsched_profiler *p = in->profiler;
    for (uint32_t r = 0; r < p->run_count; r++) {
        for (uint32_t i = 0; i < p->runs[r].stage_count; i++) {
            llmsched_status status = count_slot(in, class_of(in, &p->runs[r].stages[i]), i, err);
            if (status != LLMSCHED_OK)
                return status;
        }
        reset_counts(in, &p->runs[r]);
    }
    for (uint32_t i = 0; i < in->slot_count; i++)
        in->slots[i].rank /= in->slots[i].runs;
    return LLMSCHED_OK;
}

static int by_frequency(const void *a, const void *b)
{
    const slot *x = a, *y = b;
    if (x->runs != y->runs)
        return x->runs > y->runs ? -1 : 1;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    if (x->class_number != y->class_number)
        return x->class_number < y->class_number ? -1 : 1;
    return x->occurrence < y->occurrence ? -1 : x->occurrence > y->occurrence;
}

static int by_class(const void *a, const void *b)
{
    const slot *x = a, *y = b;
    if (x->class_number != y->class_number)
        return x->class_number < y->class_number ? -1 : 1;
    return x->occurrence < y->occurrence ? -1 : x->occurrence > y->occurrence;
}

static int by_rank(const void *a, const void *b)
{
    const slot *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return by_class(a, b);
}

/*
 * Keeps the most frequent slots and puts them in the template's order. An
 * occurrence is never more frequent than the one before it, so what is kept of a class are its
 * first ones.
 */
static void choose_slots(induction *in)
{
    const llmsched_profiler *p = in->profiler;
    uint32_t least = p->run_count / 100 + 1; /* one run in a hundred */
    qsort(in->slots, in->slot_count, sizeof(slot), by_frequency);
    uint32_t kept = 0;
    while (kept < in->slot_count && kept < p->options.max_stages && in->slots[kept].runs >= least)
        kept++;
    if (kept == 0)
        kept = 1;
    for (uint32_t i = kept; i < in->slot_count; i++)
        in->beyond[in->slots[i].class_number % 4] = true;
    /* Means over different runs may put a later occurrence first; the order of a class must hold.
     */
    qsort(in->slots, kept, sizeof(slot), by_class);
    for (uint32_t i = 1; i < kept; i++) {
        if (in->slots[i].class_number == in->slots[i - 1].class_number)
            in->slots[i].rank = fmax(in->slots[i].rank, in->slots[i - 1].rank);
    }
    qsort(in->slots, kept, sizeof(slot), by_rank);
    in->chosen_count = kept;
}

/* --- the template ------------------------------------------------------------------- */

static llmsched_status add_slot(induction *in, llmsched_dag_builder *builder, slot *s,
                                llmsched_error *err)
{
    const llmsched_profiler *p = in->profiler;
    uint32_t name = s->class_number / 4, kind = s->class_number % 4;
    const char *text = name < p->names.count ? p->names.items[name] : LLS_CLASS_OTHER;
    size_t room = strlen(text) + 32;
    char *id = lls_calloc(p->context, room, 1);
    if (id == NULL)
        return lls_fail_memory(err);
    /* Kinds may share a name, and a name may look like another's id: number and kind keep ids
     * apart. */
    snprintf(id, room, "%s%s#%u", text, kind == LLMSCHED_STAGE_LLM ? "" : ":tool",
             s->occurrence + 1);
    llmsched_stage stage = {.size = sizeof stage, .kind = kind, .id = id, .name = text};
    llmsched_status status = llmsched_dag_builder_add_stage(builder, &stage, &s->stage, err);
    lls_free(p->context, id);
    return status;
}

static llmsched_status add_more(induction *in, llmsched_dag_builder *builder, uint32_t kind,
                                const char *id, llmsched_error *err)
{
    if (!in->beyond[kind])
        return LLMSCHED_OK;
    llmsched_stage stage = {.size = sizeof stage, .kind = kind, .id = id};
    return llmsched_dag_builder_add_stage(builder, &stage, &in->more[kind], err);
}

static llmsched_status add_stages(induction *in, llmsched_dag_builder *builder, llmsched_error *err)
{
    for (uint32_t i = 0; i < in->chosen_count; i++) {
        llmsched_status status = add_slot(in, builder, &in->slots[i], err);
        if (status != LLMSCHED_OK)
            return status;
    }
    /* Sorting moved the slots: the index is made anew. */
    for (uint32_t i = 0; i < in->slot_count; i++) {
        if (!lls_map_put_u64(&in->index,
                             slot_key(in->slots[i].class_number, in->slots[i].occurrence), i))
            return lls_fail_memory(err);
    }
    llmsched_status status = add_more(in, builder, LLMSCHED_STAGE_LLM, LLS_MORE_LLM, err);
    if (status == LLMSCHED_OK)
        status = add_more(in, builder, LLMSCHED_STAGE_REGULAR, LLS_MORE_TOOL, err);
    return status;
}

static llmsched_status add_edge(llmsched_dag_builder *builder, uint32_t from, uint32_t to,
                                llmsched_error *err)
{
    /* Against the template's order: some runs have it the other way round. The profile's successors
     * keep both. */
    if (from == LLS_NONE32 || to == LLS_NONE32 || from >= to)
        return LLMSCHED_OK;
    llmsched_status status = llmsched_dag_builder_add_edge(builder, from, to, err);
    return status == LLMSCHED_ERROR_EXISTS ? LLMSCHED_OK : status;
}

static llmsched_status add_edges_of(induction *in, llmsched_dag_builder *builder,
                                    const lls_seen_run *run, uint32_t *stage_of,
                                    llmsched_error *err)
{
    for (uint32_t i = 0; i < run->stage_count; i++) {
        const lls_seen_stage *s = &run->stages[i];
        uint32_t c = class_of(in, s);
        uint32_t at = lls_map_get_u64(&in->index, slot_key(c, in->counts[c]++));
        stage_of[i] = at < in->chosen_count ? in->slots[at].stage : in->more[s->kind];
        for (uint32_t k = 0; k < s->parent_count; k++) {
            uint32_t parent = stage_of[run->parents[s->parent_start + k]];
            llmsched_status status = add_edge(builder, parent, stage_of[i], err);
            if (status != LLMSCHED_OK)
                return status;
        }
    }
    reset_counts(in, run);
    return LLMSCHED_OK;
}

static llmsched_status add_edges(induction *in, llmsched_dag_builder *builder, llmsched_error *err)
{
    const llmsched_profiler *p = in->profiler;
    uint32_t longest = 0;
    for (uint32_t r = 0; r < p->run_count; r++)
        longest = p->runs[r].stage_count > longest ? p->runs[r].stage_count : longest;
    uint32_t *stage_of = lls_calloc(p->context, longest, sizeof *stage_of);
    if (stage_of == NULL)
        return lls_fail_memory(err);
    llmsched_status status = LLMSCHED_OK;
    for (uint32_t r = 0; r < p->run_count && status == LLMSCHED_OK; r++)
        status = add_edges_of(in, builder, &p->runs[r], stage_of, err);
    lls_free(p->context, stage_of);
    return status;
}

static llmsched_status build(induction *in, llmsched_dag **dag, llmsched_error *err)
{
    llmsched_dag_builder *builder = NULL;
    llmsched_status status =
        llmsched_dag_builder_create(in->profiler->context, in->profiler->name, &builder, err);
    if (status == LLMSCHED_OK)
        status = add_stages(in, builder, err);
    if (status == LLMSCHED_OK)
        status = add_edges(in, builder, err);
    if (status == LLMSCHED_OK)
        status = llmsched_dag_builder_freeze(builder, dag, err);
    llmsched_dag_builder_destroy(builder);
    return status;
}

llmsched_status lls_induce_dag(const llmsched_profiler *profiler, llmsched_dag **dag,
                               llmsched_error *err)
{
    const llmsched_context *context = profiler->context;
    induction in = {.profiler = profiler,
                    .class_count = (profiler->names.count + 1) * 4,
                    .more = {LLS_NONE32, LLS_NONE32, LLS_NONE32, LLS_NONE32}};
    lls_map_init(&in.index, context);
    in.common = lls_calloc(context, in.class_count, sizeof *in.common);
    in.counts = lls_calloc(context, in.class_count, sizeof *in.counts);
    llmsched_status status = LLMSCHED_OK;
    if (in.common == NULL || in.counts == NULL)
        status = lls_fail_memory(err);
    if (status == LLMSCHED_OK) {
        find_common(&in);
        status = collect_slots(&in, err);
    }
    if (status == LLMSCHED_OK) {
        choose_slots(&in);
        status = build(&in, dag, err);
    }
    lls_map_finish(&in.index);
    lls_free(context, in.slots);
    lls_free(context, in.common);
    lls_free(context, in.counts);
    return status;
}
