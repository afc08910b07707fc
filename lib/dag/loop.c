/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unrolling of loops. With the body A -> B and three rounds:
 *
 *     in -> A -> B -> A#2 -> B#2 -> A#3 -> B#3
 *                |           |             |
 *                +-----------+-------------+--> out
 *
 * Whichever round turns out to be the last, `out` waits for it: a stage of a
 * round that is not run is absent, and holds nobody up.
 */
#include "dag/builder.h"

#include <stdio.h>
#include <string.h>

enum { HAS_PARENT_INSIDE = 1, HAS_CHILD_INSIDE = 2 };

typedef struct loop {
    const uint32_t *body;
    uint32_t count;
    uint32_t rounds;
    uint32_t first;            /* number of the first copy */
    uint32_t edge_count;       /* edges before the loop was unrolled */
    uint32_t *place;           /* stage -> place in body, or LLS_NONE32 */
    unsigned char *sides;      /* by place in body: HAS_*_INSIDE */
    uint32_t *sources, *sinks; /* places in body without parents, without children inside */
    uint32_t source_count, sink_count;
    uint32_t *copied; /* numbers of the edges that each round gets a copy of */
    uint32_t copied_count;
    uint32_t *numbers; /* by place in body: that of the next copy's id */
} loop;

/* The stage at this place of the body in the given round, from 0. */
static uint32_t stage_of(const loop *l, uint32_t round, uint32_t place)
{
    return round == 0 ? l->body[place] : l->first + (round - 1) * l->count + place;
}

static llmsched_status place_body(const llmsched_dag_builder *b, loop *l, llmsched_error *err)
{
    for (uint32_t s = 0; s < b->stage_count; s++)
        l->place[s] = LLS_NONE32;
    for (uint32_t i = 0; i < l->count; i++) {
        uint32_t s = l->body[i];
        llmsched_status status = lls_builder_check_stage(b, s, "body of a loop", err);
        if (status != LLMSCHED_OK)
            return status;
        const char *id = lls_builder_id(b, s);
        if (l->place[s] != LLS_NONE32)
            return lls_fail(err, LLMSCHED_ERROR_INVALID,
                            "stage \"%.80s\": twice in the body of a loop", id);
        if (b->stages[s].kind == LLMSCHED_STAGE_DYNAMIC || b->stages[s].owner != LLS_NONE32)
            return lls_fail(err, LLMSCHED_ERROR_INVALID,
                            "stage \"%.80s\": a dynamic stage or a member of a candidate cannot be "
                            "in the body of a loop",
                            id);
        l->place[s] = i;
        l->numbers[i] = 2;
    }
    return LLMSCHED_OK;
}

static void find_sides(const llmsched_dag_builder *b, loop *l)
{
    for (uint32_t e = 0; e < l->edge_count; e++) {
        uint32_t from = l->place[b->edges[e].from], to = l->place[b->edges[e].to];
        if (from == LLS_NONE32 || to == LLS_NONE32)
            continue;
        l->sides[from] |= HAS_CHILD_INSIDE;
        l->sides[to] |= HAS_PARENT_INSIDE;
    }
    for (uint32_t i = 0; i < l->count; i++) {
        if (!(l->sides[i] & HAS_PARENT_INSIDE))
            l->sources[l->source_count++] = i;
        if (!(l->sides[i] & HAS_CHILD_INSIDE))
            l->sinks[l->sink_count++] = i;
    }
}

/* Edges that touch the body, but for those that come from outside to one of its sources. */
static void find_copied(const llmsched_dag_builder *b, loop *l)
{
    for (uint32_t e = 0; e < l->edge_count; e++) {
        uint32_t from = l->place[b->edges[e].from], to = l->place[b->edges[e].to];
        if (from != LLS_NONE32 || (to != LLS_NONE32 && (l->sides[to] & HAS_PARENT_INSIDE)))
            l->copied[l->copied_count++] = e;
    }
}

/* Adds the text "ID#number". */
static bool add_numbered_id(llmsched_dag_builder *b, uint32_t stage, uint32_t number,
                            uint32_t *offset)
{
    char suffix[16];
    int suffix_length = snprintf(suffix, sizeof suffix, "#%u", (unsigned)number);
    size_t id_length = strlen(lls_builder_id(b, stage));
    size_t bytes = id_length + (size_t)suffix_length + 1;
    void *grown = b->text;
    bool ok = lls_grow(b->context, &grown, &b->text_capacity, b->text_length + bytes, 1);
    b->text = grown;
    if (!ok)
        return false;
    memcpy(b->text + b->text_length, lls_builder_id(b, stage), id_length);
    memcpy(b->text + b->text_length + id_length, suffix, (size_t)suffix_length + 1);
    *offset = b->text_length;
    b->text_length += (uint32_t)bytes;
    return true;
}

/*
 * The round's number, unless that id is taken, as by the copies of an inner
 * loop. A number once tried is not tried again, so that all rounds together
 * meet each taken id once.
 */
static bool add_copy_id(llmsched_dag_builder *b, const loop *l, uint32_t place, uint32_t *offset)
{
    for (;;) {
        uint32_t text_length = b->text_length;
        if (!add_numbered_id(b, l->body[place], l->numbers[place]++, offset))
            return false;
        if (lls_map_get_str(&b->ids, lls_builder_text(b, *offset)) == LLS_NONE32)
            return true;
        b->text_length = text_length;
    }
}

static llmsched_status add_stages(llmsched_dag_builder *b, const loop *l, llmsched_error *err)
{
    for (uint32_t round = 1; round < l->rounds; round++)
        for (uint32_t i = 0; i < l->count; i++) {
            lls_builder_stage copy = b->stages[l->body[i]];
            if (!add_copy_id(b, l, i, &copy.id))
                return lls_fail_memory(err);
            llmsched_status status = lls_builder_append_stage(b, copy, err);
            if (status != LLMSCHED_OK)
                return status;
        }
    return LLMSCHED_OK;
}

static uint32_t same_in_round(const loop *l, uint32_t round, uint32_t stage)
{
    return l->place[stage] == LLS_NONE32 ? stage : stage_of(l, round, l->place[stage]);
}

static llmsched_status copy_edges(llmsched_dag_builder *b, const loop *l, uint32_t round,
                                  llmsched_error *err)
{
    llmsched_status status = LLMSCHED_OK;
    for (uint32_t i = 0; i < l->copied_count && status == LLMSCHED_OK; i++) {
        lls_edge edge = b->edges[l->copied[i]];
        edge.from = same_in_round(l, round, edge.from);
        edge.to = same_in_round(l, round, edge.to);
        status = lls_builder_append_edge(b, edge, err);
    }
    return status;
}

static llmsched_status link_rounds(llmsched_dag_builder *b, const loop *l, uint32_t round,
                                   llmsched_error *err)
{
    llmsched_status status = LLMSCHED_OK;
    for (uint32_t i = 0; i < l->sink_count; i++)
        for (uint32_t j = 0; j < l->source_count && status == LLMSCHED_OK; j++) {
            lls_edge edge = {stage_of(l, round - 1, l->sinks[i]),
                             stage_of(l, round, l->sources[j])};
            status = lls_builder_append_edge(b, edge, err);
        }
    return status;
}

/* None of these edges can be there already: each has an end in the new round. */
static llmsched_status add_edges(llmsched_dag_builder *b, const loop *l, llmsched_error *err)
{
    llmsched_status status = LLMSCHED_OK;
    for (uint32_t round = 1; round < l->rounds && status == LLMSCHED_OK; round++) {
        status = link_rounds(b, l, round, err);
        if (status == LLMSCHED_OK)
            status = copy_edges(b, l, round, err);
    }
    return status;
}

static llmsched_status unroll(llmsched_dag_builder *b, const loop *l, llmsched_error *err)
{
    uint32_t text_length = b->text_length;
    llmsched_status status = add_stages(b, l, err);
    if (status == LLMSCHED_OK)
        status = add_edges(b, l, err);
    if (status == LLMSCHED_OK)
        return status;
    while (b->edge_count > l->edge_count)
        lls_builder_drop_edge(b);
    while (b->stage_count > l->first)
        lls_builder_drop_stage(b);
    b->text_length = text_length;
    return status;
}

static llmsched_status prepare(const llmsched_dag_builder *b, loop *l, llmsched_error *err)
{
    l->place = lls_calloc(b->context, b->stage_count, sizeof *l->place);
    l->sides = lls_calloc(b->context, l->count, sizeof *l->sides);
    l->sources = lls_calloc(b->context, l->count, sizeof *l->sources);
    l->sinks = lls_calloc(b->context, l->count, sizeof *l->sinks);
    l->copied = lls_calloc(b->context, b->edge_count, sizeof *l->copied);
    l->numbers = lls_calloc(b->context, l->count, sizeof *l->numbers);
    if (l->numbers == NULL || l->place == NULL || l->sides == NULL || l->sources == NULL ||
        l->sinks == NULL || l->copied == NULL)
        return lls_fail_memory(err);
    llmsched_status status = place_body(b, l, err);
    if (status != LLMSCHED_OK)
        return status;
    find_sides(b, l);
    find_copied(b, l);
    return LLMSCHED_OK;
}

static void finish(const llmsched_dag_builder *b, loop *l)
{
    lls_free(b->context, l->place);
    lls_free(b->context, l->sides);
    lls_free(b->context, l->sources);
    lls_free(b->context, l->sinks);
    lls_free(b->context, l->copied);
    lls_free(b->context, l->numbers);
}

llmsched_status llmsched_dag_builder_add_loop(llmsched_dag_builder *builder, const uint32_t *body,
                                              uint32_t count, uint32_t rounds, uint32_t *first,
                                              llmsched_error *err)
{
    if (builder == NULL || body == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "%s: must not be NULL",
                        builder == NULL ? "builder" : "body");
    if (count == 0 || count > builder->stage_count || rounds < 2)
        return lls_fail(
            err, LLMSCHED_ERROR_INVALID,
            "loop: %u stages in %u rounds: expected 1 .. %u stages and 2 rounds or more",
            (unsigned)count, (unsigned)rounds, (unsigned)builder->stage_count);
    uint32_t room = builder->context->max_stages - builder->stage_count;
    if ((uint64_t)count * (rounds - 1) > room)
        return lls_fail(err, LLMSCHED_ERROR_LIMIT,
                        "loop: %u stages in %u rounds: the context has room for %u more stages: "
                        "raise max_stages",
                        (unsigned)count, (unsigned)rounds, (unsigned)room);

    loop l = {.body = body,
              .count = count,
              .rounds = rounds,
              .first = builder->stage_count,
              .edge_count = builder->edge_count};
    llmsched_status status = prepare(builder, &l, err);
    if (status == LLMSCHED_OK)
        status = unroll(builder, &l, err);
    finish(builder, &l);
    if (status == LLMSCHED_OK && first != NULL)
        *first = l.first;
    return status;
}
