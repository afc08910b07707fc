/* SPDX-License-Identifier: Apache-2.0 */
/* What runs ask of models as JSON: "calls" of "llmsched-profile-1" (docs/schemas.md). */
#include "profile/calls.h"

#include <stdio.h>
#include <string.h>

static bool write_call(lls_json *json, const lls_profile_call *c)
{
    return (c->model[0] == '\0' || lls_json_put_string(json, "model", c->model)) &&
           lls_json_put_number(json, "calls", c->calls) &&
           lls_json_put_number(json, "overlap", c->overlap) &&
           lls_json_put_number(json, "group", c->group) &&
           lls_json_put_number(json, "prompt_tokens", c->prompt) &&
           lls_json_put_number(json, "output_tokens", c->output) &&
           lls_json_put_number(json, "context_tokens", c->context) &&
           lls_json_put_number(json, "work_s", c->work);
}

lls_json *lls_calls_to_json(const llmsched_profile *p)
{
    lls_json *array = lls_json_new_array();
    for (uint32_t i = 0; i < p->call_count && array != NULL; i++) {
        lls_json *call = lls_json_new_object();
        bool good = write_call(call, &p->calls[i]);
        if (!good)
            lls_json_free(call);
        if (!good || !lls_json_append(array, call)) {
            lls_json_free(array);
            return NULL;
        }
    }
    return array;
}

static llmsched_status read_amounts(const lls_json *json, const char *where, lls_profile_call *c,
                                    llmsched_error *err)
{
    static const char *const keys[] = {"calls",         "overlap",        "group", "prompt_tokens",
                                       "output_tokens", "context_tokens", "work_s"};
    double *const values[] = {&c->calls,  &c->overlap, &c->group, &c->prompt,
                              &c->output, &c->context, &c->work};
    llmsched_status status = LLMSCHED_OK;
    for (uint32_t i = 0; i < LLS_COUNT(keys) && status == LLMSCHED_OK; i++)
        status = lls_json_get_nonnegative(json, where, keys[i], values[i], err);
    if (status == LLMSCHED_OK && !(c->calls > 0))
        return lls_fail(err, LLMSCHED_ERROR_PARSE, "%s.calls: expected more than 0", where);
    if (status == LLMSCHED_OK && (c->overlap < 1 || c->group < 1))
        return lls_fail(err, LLMSCHED_ERROR_PARSE, "%s.%s: expected at least 1", where,
                        c->overlap < 1 ? "overlap" : "group");
    return status;
}

static llmsched_status read_call(llmsched_profile *p, const lls_json *json, llmsched_error *err)
{
    char where[32];
    const char *model = NULL;
    lls_profile_call call = {0};
    snprintf(where, sizeof where, "calls[%u]", p->call_count);
    llmsched_status status = read_amounts(json, where, &call, err);
    if (status == LLMSCHED_OK)
        status = lls_json_opt_string(json, where, "model", &model, err);
    if (status != LLMSCHED_OK)
        return status;
    call.model = lls_strdup(p->context, model != NULL ? model : "");
    if (call.model == NULL)
        return lls_fail_memory(err);
    p->calls[p->call_count++] = call;
    return LLMSCHED_OK;
}

llmsched_status lls_calls_from_json(llmsched_profile *p, const lls_json *profile,
                                    llmsched_error *err)
{
    const lls_json *array = NULL;
    if (lls_json_member(profile, "calls") == NULL)
        return LLMSCHED_OK;
    llmsched_status status = lls_json_get_array(profile, "profile", "calls", &array, err);
    if (status != LLMSCHED_OK)
        return status;
    p->calls = lls_calloc(p->context, lls_json_count(array), sizeof *p->calls);
    if (p->calls == NULL)
        return lls_fail_memory(err);
    for (const lls_json *item = lls_json_first(array); item != NULL && status == LLMSCHED_OK;
         item = lls_json_next(item))
        status = read_call(p, item, err);
    if (status != LLMSCHED_OK)
        return status;
    lls_calls_sort(p->calls, p->call_count);
    for (uint32_t i = 1; i < p->call_count; i++)
        if (strcmp(p->calls[i - 1].model, p->calls[i].model) == 0)
            return lls_fail(err, LLMSCHED_ERROR_PARSE,
                            "calls: expected each model once, not \"%s\" again", p->calls[i].model);
    return LLMSCHED_OK;
}
