/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Candidate sets: the sub-graphs that a dynamic stage may turn into.
 */
#include "dag/builder.h"

#include <stdlib.h>
#include <string.h>

static int compare_numbers(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* Whether `outer` turns into `stage`, at once or through dynamic members. */
static bool expands_into(const llmsched_dag_builder *b, uint32_t outer, uint32_t stage)
{
    /* Ends: no stage comes to own itself, because it is refused here. */
    for (uint32_t s = stage; s != LLS_NONE32; s = b->stages[s].owner)
        if (s == outer)
            return true;
    return false;
}

static llmsched_status check_member(const llmsched_dag_builder *b, uint32_t stage, uint32_t member,
                                    llmsched_error *err)
{
    llmsched_status status = lls_builder_check_stage(b, member, "member of a candidate", err);
    if (status != LLMSCHED_OK)
        return status;
    if (expands_into(b, member, stage))
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "member \"%.80s\": it is, or expands into, the dynamic stage itself",
                        lls_builder_id(b, member));
    uint32_t owner = b->stages[member].owner;
    if (owner != LLS_NONE32 && owner != stage)
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "member \"%.80s\": belongs to dynamic stage \"%.80s\": add a stage of its "
                        "own for each",
                        lls_builder_id(b, member), lls_builder_id(b, owner));
    return LLMSCHED_OK;
}

/* members is sorted. */
static llmsched_status check_members(const llmsched_dag_builder *b, uint32_t stage,
                                     const uint32_t *members, uint32_t count, llmsched_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        llmsched_status status = check_member(b, stage, members[i], err);
        if (status != LLMSCHED_OK)
            return status;
        if (i > 0 && members[i] == members[i - 1])
            return lls_fail(err, LLMSCHED_ERROR_INVALID, "member \"%.80s\": named twice",
                            lls_builder_id(b, members[i]));
    }
    return LLMSCHED_OK;
}

static bool reserve_candidate(llmsched_dag_builder *b, uint32_t members)
{
    void *grown = b->candidates;
    bool ok = lls_grow(b->context, &grown, &b->candidate_capacity, (size_t)b->candidate_count + 1,
                       sizeof *b->candidates);
    b->candidates = grown;
    if (!ok)
        return false;
    grown = b->members;
    ok = lls_grow(b->context, &grown, &b->member_capacity, (size_t)b->member_count + members,
                  sizeof *b->members);
    b->members = grown;
    return ok;
}

/* key: the stage's number and then the name, which is unique in the stage only. */
static llmsched_status append(llmsched_dag_builder *b, uint32_t stage, const char *name,
                              const uint32_t *members, uint32_t count, const char *key,
                              size_t key_length, llmsched_error *err)
{
    if (lls_map_get(&b->candidate_names, key, key_length) != LLS_NONE32)
        return lls_fail(err, LLMSCHED_ERROR_EXISTS,
                        "candidate \"%.80s\": stage \"%.80s\" has one of that name", name,
                        lls_builder_id(b, stage));
    uint32_t text_length = b->text_length, offset;
    if (!reserve_candidate(b, count) || !lls_builder_add_text(b, name, &offset))
        return lls_fail_memory(err);
    if (!lls_map_put(&b->candidate_names, key, key_length, b->candidate_count)) {
        b->text_length = text_length;
        return lls_fail_memory(err);
    }
    b->candidates[b->candidate_count++] = (lls_builder_candidate){
        .stage = stage, .name = offset, .member_start = b->member_count, .member_count = count};
    for (uint32_t i = 0; i < count; i++) {
        b->members[b->member_count++] = members[i];
        b->stages[members[i]].owner = stage;
    }
    b->stages[stage].candidate_count++;
    return LLMSCHED_OK;
}

static llmsched_status add_candidate(llmsched_dag_builder *b, uint32_t stage, const char *name,
                                     const uint32_t *members, uint32_t count, llmsched_error *err)
{
    size_t key_length = sizeof stage + strlen(name);
    uint32_t *sorted = lls_calloc(b->context, count, sizeof *sorted);
    char *key = lls_calloc(b->context, key_length, 1);
    llmsched_status status;
    if (sorted == NULL || key == NULL) {
        status = lls_fail_memory(err);
        goto done;
    }
    memcpy(key, &stage, sizeof stage);
    memcpy(key + sizeof stage, name, strlen(name));
    if (count > 0) {
        memcpy(sorted, members, count * sizeof *sorted);
        qsort(sorted, count, sizeof *sorted, compare_numbers);
    }
    status = check_members(b, stage, sorted, count, err);
    if (status == LLMSCHED_OK)
        status = append(b, stage, name, sorted, count, key, key_length, err);
done:
    lls_free(b->context, sorted);
    lls_free(b->context, key);
    return status;
}

llmsched_status llmsched_dag_builder_add_candidate(llmsched_dag_builder *builder,
                                                   uint32_t dynamic_stage, const char *name,
                                                   const uint32_t *members, uint32_t count,
                                                   uint32_t *candidate, llmsched_error *err)
{
    if (builder == NULL || (members == NULL && count > 0))
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "%s: must not be NULL",
                        builder == NULL ? "builder" : "members");
    llmsched_status status = lls_builder_check_text(name, "name of a candidate", err);
    if (status == LLMSCHED_OK)
        status = lls_builder_check_stage(builder, dynamic_stage, "stage of a candidate", err);
    if (status != LLMSCHED_OK)
        return status;
    if (builder->stages[dynamic_stage].kind != LLMSCHED_STAGE_DYNAMIC)
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "stage \"%.80s\": only a dynamic stage has candidates",
                        lls_builder_id(builder, dynamic_stage));
    /* Also keeps a wrong count from being read as an array. */
    if (count > builder->stage_count)
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "candidate \"%.80s\": %u members, but the builder has %u stages", name,
                        (unsigned)count, (unsigned)builder->stage_count);
    status = add_candidate(builder, dynamic_stage, name, members, count, err);
    if (status == LLMSCHED_OK && candidate != NULL)
        *candidate = builder->stages[dynamic_stage].candidate_count - 1;
    return status;
}
