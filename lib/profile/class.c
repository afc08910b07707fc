/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Classes: how a stage that a run reveals is found in the template. A class
 * is a (kind, name) of the template; the k-th revealed stage of a class is
 * the template's stage with occurrence k. Nothing but kind, name and the
 * order of revealing is looked at: ids and places in a list would tell of
 * what is not revealed yet.
 */
#include "profile/internal.h"

#include <stdio.h>
#include <string.h>

/* "1:name" and so on: the map's key of a class. Names too long for the buffer are looked up by a
 * fresh key. */
static bool class_key(char *buffer, size_t room, uint32_t kind, const char *name, size_t *length)
{
    int written = snprintf(buffer, room, "%u:%s", kind, name);
    *length = written > 0 ? (size_t)written : 0;
    return written > 0 && (size_t)written < room;
}

static uint32_t look_up(const llmsched_profile *profile, uint32_t kind, const char *name)
{
    char key[512];
    size_t length = 0;
    if (class_key(key, sizeof key, kind, name, &length))
        return lls_map_get(&profile->classes, key, length);
    for (uint32_t c = 0; c < profile->class_count; c++) {
        if (profile->class_kinds[c] == kind && strcmp(profile->class_names[c], name) == 0)
            return c;
    }
    return LLS_NONE32;
}

uint32_t lls_profile_class(const llmsched_profile *profile, uint32_t kind, const char *name)
{
    uint32_t found = look_up(profile, kind, name);
    return found != LLS_NONE32 ? found : look_up(profile, kind, LLS_CLASS_OTHER);
}

uint32_t lls_profile_stage_of(const llmsched_profile *profile, uint32_t class_number, uint32_t kind,
                              uint32_t occurrence)
{
    uint32_t stage = LLMSCHED_INDEX_NONE;
    if (class_number != LLS_NONE32)
        stage = llmsched_dag_find_occurrence(profile->dag, kind, profile->class_names[class_number],
                                             occurrence);
    if (stage == LLMSCHED_INDEX_NONE && kind <= LLMSCHED_STAGE_DYNAMIC)
        stage = profile->aggregates[kind];
    return stage;
}

static bool add_class(llmsched_profile *profile, const llmsched_stage *stage)
{
    char key[512];
    size_t length = 0;
    if (look_up(profile, stage->kind, stage->name) != LLS_NONE32)
        return true;
    if (class_key(key, sizeof key, stage->kind, stage->name, &length) &&
        !lls_map_put(&profile->classes, key, length, profile->class_count))
        return false;
    profile->class_kinds[profile->class_count] = stage->kind;
    profile->class_names[profile->class_count++] = stage->name;
    return true;
}

llmsched_status lls_profile_index(llmsched_profile *profile, llmsched_error *err)
{
    uint32_t n = profile->stage_count;
    profile->class_kinds = lls_calloc(profile->context, n, sizeof *profile->class_kinds);
    profile->class_names = lls_calloc(profile->context, n, sizeof *profile->class_names);
    if (profile->class_kinds == NULL || profile->class_names == NULL)
        return lls_fail_memory(err);
    for (uint32_t i = 0; i < LLS_COUNT(profile->aggregates); i++)
        profile->aggregates[i] = LLMSCHED_INDEX_NONE;
    for (uint32_t i = 0; i < n; i++) {
        llmsched_stage stage = {.size = sizeof stage};
        llmsched_status status = llmsched_dag_stage(profile->dag, i, &stage, err);
        if (status != LLMSCHED_OK)
            return status;
        profile->stages[i].kind = stage.kind;
        if (profile->stages[i].aggregate) {
            profile->aggregates[stage.kind] = i;
            profile->stages[i].aggregate_number = profile->aggregate_count++;
        } else if (!add_class(profile, &stage)) {
            return lls_fail_memory(err);
        }
    }
    return LLMSCHED_OK;
}

uint32_t llmsched_profile_class_count(const llmsched_profile *profile)
{
    return profile != NULL ? profile->class_count : 0;
}

uint32_t llmsched_profile_class(const llmsched_profile *profile, uint32_t kind, const char *name)
{
    return profile != NULL && name != NULL ? lls_profile_class(profile, kind, name)
                                           : LLMSCHED_INDEX_NONE;
}

uint32_t llmsched_profile_find(const llmsched_profile *profile, uint32_t kind,
                               uint32_t class_number, uint32_t occurrence)
{
    if (profile == NULL ||
        (class_number != LLMSCHED_INDEX_NONE && class_number >= profile->class_count))
        return LLMSCHED_INDEX_NONE;
    return lls_profile_stage_of(profile, class_number, kind, occurrence);
}
