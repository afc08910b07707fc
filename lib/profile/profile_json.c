/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles as JSON, "llmsched-profile-1" (docs/schemas.md). */
#include "profile/calls.h"
#include "profile/forest_json.h"
#include "profile/internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define FORMAT "llmsched-profile-1"

/* --- writing ---------------------------------------------------------------------------- */

/* [count, mean, least, greatest, upper end] of each bin, the last without an end; work bins add the
 * mean span. */
static lls_json *write_bins(const lls_bin *bins, const double *spans, uint32_t count)
{
    lls_json *array = lls_json_new_array();
    for (uint32_t b = 0; b < count && array != NULL; b++) {
        lls_json *bin = lls_json_new_object();
        bool ok = lls_json_put_number(bin, "count", (double)bins[b].count) &&
                  lls_json_put_number(bin, "mean", bins[b].mean) &&
                  lls_json_put_number(bin, "minimum", bins[b].minimum) &&
                  lls_json_put_number(bin, "maximum", bins[b].maximum) &&
                  (b + 1 == count || lls_json_put_number(bin, "upper", bins[b].upper)) &&
                  (spans == NULL || lls_json_put_number(bin, "span", spans[b]));
        if (!ok) {
            lls_json_free(bin);
            lls_json_free(array);
            return NULL;
        }
        if (!lls_json_append(array, bin)) {
            lls_json_free(array);
            return NULL;
        }
    }
    return array;
}

static bool write_stage_fields(lls_json *json, const llmsched_profile *p, uint32_t t)
{
    const lls_profiled_stage *s = &p->stages[t];
    uint32_t start = p->successor_start[t], end = p->successor_start[t + 1];
    return lls_json_put_number(json, "presence", s->presence) &&
           lls_json_put_number(json, "mean_work_s", s->mean_work) &&
           lls_json_put_number(json, "mean_span_s", s->mean_span) &&
           lls_json_put_number(json, "aggregate", s->aggregate) &&
           lls_json_put_number(json, "work_node", s->work_node) &&
           (s->prompt_node == LLMSCHED_INDEX_NONE ||
            lls_json_put_number(json, "prompt_node", s->prompt_node)) &&
           lls_json_put(json, "work_bins", write_bins(s->bins, s->spans, s->bin_count)) &&
           lls_json_put(json, "prompt_bins", write_bins(s->prompts, NULL, s->prompt_count)) &&
           (s->left_count == 0 ||
            lls_json_put(json, "left", lls_json_new_numbers(s->left, s->left_count))) &&
           lls_json_put(json, "successors", lls_json_new_u32s(p->successors + start, end - start));
}

static lls_json *write_stages(const llmsched_profile *p)
{
    lls_json *array = lls_json_new_array();
    for (uint32_t t = 0; t < p->stage_count && array != NULL; t++) {
        lls_json *stage = lls_json_new_object();
        if (!write_stage_fields(stage, p, t)) {
            lls_json_free(stage);
            lls_json_free(array);
            return NULL;
        }
        if (!lls_json_append(array, stage)) {
            lls_json_free(array);
            return NULL;
        }
    }
    return array;
}

/* [mean, q10, q50, q90] by number of ended stages. */
static lls_json *write_remainders(const lls_remainder *remainders, uint32_t count)
{
    lls_json *array = lls_json_new_array();
    for (uint32_t k = 0; k < count && array != NULL; k++) {
        const lls_remainder *r = &remainders[k];
        const double values[] = {r->mean, r->q10, r->q50, r->q90};
        if (!lls_json_append(array, lls_json_new_numbers(values, 4))) {
            lls_json_free(array);
            return NULL;
        }
    }
    return array;
}

llmsched_status llmsched_profile_to_json(const llmsched_profile *p, llmsched_text **text,
                                         llmsched_error *err)
{
    if (p == NULL || text == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "profile and text must not be NULL");
    lls_json *json = lls_json_new_object();
    bool ok =
        lls_json_put_string(json, "format", FORMAT) && lls_json_put_string(json, "name", p->name) &&
        lls_json_put_number(json, "run_count", (double)p->run_count) &&
        lls_json_put_number(json, "mean_llm_s", p->mean_llm_s) &&
        lls_json_put_number(json, "mean_tool_s", p->mean_tool_s) &&
        lls_json_put(json, "mean_stage_s", lls_json_new_numbers(p->mean_stage_s, 4)) &&
        lls_json_put_number(json, "log_likelihood", p->log_likelihood) &&
        lls_json_put(json, "llm_remainders", write_remainders(p->remainders, p->remainder_count)) &&
        lls_json_put(json, "tool_remainders",
                     write_remainders(p->remainders + p->remainder_count, p->remainder_count)) &&
        (p->call_count == 0 || lls_json_put(json, "calls", lls_calls_to_json(p))) &&
        lls_json_put(json, "dag", lls_dag_to_json(p->dag)) &&
        lls_json_put(json, "stages", write_stages(p)) &&
        lls_json_put(json, "network", lls_network_to_json(p->network)) &&
        (p->class_places == NULL || lls_json_put(json, "progress", lls_forests_to_json(p)));
    llmsched_status status =
        ok ? lls_json_print(p->context, json, text, err) : lls_fail_memory(err);
    lls_json_free(json);
    return status;
}

/* --- reading ------------------------------------------------------------------------------ */

static llmsched_status wrong(llmsched_error *err, const char *where, const char *expected)
{
    return lls_fail(err, LLMSCHED_ERROR_PARSE, "%s: expected %s", where, expected);
}

static llmsched_status read_bin(const lls_json *json, const char *where, bool last, lls_bin *bin,
                                double *span, llmsched_error *err)
{
    uint64_t count = 0;
    llmsched_status status = lls_json_get_u64(json, where, "count", UINT64_C(1) << 53, &count, err);
    bin->count = count;
    bin->upper = INFINITY;
    if (status == LLMSCHED_OK)
        status = lls_json_get_nonnegative(json, where, "mean", &bin->mean, err);
    if (status == LLMSCHED_OK)
        status = lls_json_get_nonnegative(json, where, "minimum", &bin->minimum, err);
    if (status == LLMSCHED_OK)
        status = lls_json_get_nonnegative(json, where, "maximum", &bin->maximum, err);
    if (status == LLMSCHED_OK && !last)
        status = lls_json_get_nonnegative(json, where, "upper", &bin->upper, err);
    if (status == LLMSCHED_OK && span != NULL)
        status = lls_json_get_nonnegative(json, where, "span", span, err);
    return status;
}

/* spans NULL: bins without one. */
static llmsched_status read_bins(const llmsched_context *context, const lls_json *stage,
                                 const char *where, const char *key, lls_bin **bins, double **spans,
                                 uint32_t *count, llmsched_error *err)
{
    const lls_json *array = NULL;
    char path[96];
    llmsched_status status = lls_json_get_array(stage, where, key, &array, err);
    if (status != LLMSCHED_OK)
        return status;
    uint32_t n = lls_json_count(array), b = 0;
    *bins = lls_calloc(context, n, sizeof **bins);
    if (spans != NULL)
        *spans = lls_calloc(context, n, sizeof **spans);
    if (*bins == NULL || (spans != NULL && *spans == NULL))
        return lls_fail_memory(err);
    *count = n;
    for (const lls_json *item = lls_json_first(array); item != NULL; item = lls_json_next(item)) {
        snprintf(path, sizeof path, "%s.%s[%u]", where, key, b);
        status =
            read_bin(item, path, b + 1 == n, &(*bins)[b], spans != NULL ? &(*spans)[b] : NULL, err);
        if (status == LLMSCHED_OK && b > 0 && !((*bins)[b].upper > (*bins)[b - 1].upper))
            status = wrong(err, path, "an upper end above the one before");
        if (status != LLMSCHED_OK)
            return status;
        b++;
    }
    return LLMSCHED_OK;
}

/* A node number with the right number of states. */
static llmsched_status read_node(const llmsched_profile *p, const lls_json *json, const char *where,
                                 const char *key, uint32_t states, uint32_t *node,
                                 llmsched_error *err)
{
    uint64_t value = 0;
    char path[128];
    llmsched_status status = lls_json_get_u64(
        json, where, key, llmsched_network_node_count(p->network) - 1, &value, err);
    if (status != LLMSCHED_OK)
        return status;
    if (llmsched_network_state_count(p->network, (uint32_t)value) != states) {
        snprintf(path, sizeof path, "%s.%s", where, key);
        return wrong(err, path, "a node with one state more than there are bins or candidates");
    }
    *node = (uint32_t)value;
    return LLMSCHED_OK;
}

static llmsched_status read_nodes(llmsched_profile *p, uint32_t t, const lls_json *json,
                                  const char *where, llmsched_error *err)
{
    lls_profiled_stage *s = &p->stages[t];
    llmsched_stage stage = {.size = sizeof stage};
    llmsched_status status = llmsched_dag_stage(p->dag, t, &stage, err);
    if (status != LLMSCHED_OK)
        return status;
    bool dynamic = stage.kind == LLMSCHED_STAGE_DYNAMIC;
    uint32_t states = 1 + (dynamic ? llmsched_dag_candidate_count(p->dag, t) : s->bin_count);
    if (!dynamic && s->bin_count == 0)
        return wrong(err, where, "at least one work bin");
    status = read_node(p, json, where, "work_node", states, &s->work_node, err);
    if (status == LLMSCHED_OK && lls_json_member(json, "prompt_node") != NULL)
        status =
            read_node(p, json, where, "prompt_node", 1 + s->prompt_count, &s->prompt_node, err);
    return status;
}

static llmsched_status read_left(const llmsched_profile *p, lls_profiled_stage *s,
                                 const lls_json *json, const char *where, llmsched_error *err)
{
    if (!s->aggregate || lls_json_member(json, "left") == NULL)
        return LLMSCHED_OK;
    llmsched_status status =
        lls_json_get_numbers(p->context, json, where, "left", &s->left, &s->left_count, err);
    for (uint32_t i = 0; status == LLMSCHED_OK && i < s->left_count; i++) {
        if (s->left[i] < 0)
            status = wrong(err, where, "left that is not negative");
    }
    return status;
}

static llmsched_status read_stage(llmsched_profile *p, uint32_t t, const lls_json *json,
                                  llmsched_error *err)
{
    char where[48];
    lls_profiled_stage *s = &p->stages[t];
    uint64_t aggregate = 0;
    snprintf(where, sizeof where, "stages[%u]", t);
    llmsched_status status = lls_json_get_nonnegative(json, where, "presence", &s->presence, err);
    if (status == LLMSCHED_OK)
        status = lls_json_get_nonnegative(json, where, "mean_work_s", &s->mean_work, err);
    if (status == LLMSCHED_OK)
        status = lls_json_get_nonnegative(json, where, "mean_span_s", &s->mean_span, err);
    if (status == LLMSCHED_OK)
        status = lls_json_get_u64(json, where, "aggregate", 1, &aggregate, err);
    s->aggregate = aggregate == 1;
    if (status == LLMSCHED_OK)
        status = read_bins(p->context, json, where, "work_bins", &s->bins, &s->spans, &s->bin_count,
                           err);
    if (status == LLMSCHED_OK)
        status = read_bins(p->context, json, where, "prompt_bins", &s->prompts, NULL,
                           &s->prompt_count, err);
    if (status == LLMSCHED_OK)
        status = read_left(p, s, json, where, err);
    return status == LLMSCHED_OK ? read_nodes(p, t, json, where, err) : status;
}

/* Appends the successors of stage t to the shared array. */
static llmsched_status read_successors(llmsched_profile *p, uint32_t t, const lls_json *json,
                                       uint32_t *capacity, llmsched_error *err)
{
    char where[48];
    double *values = NULL;
    uint32_t count = 0, total = p->successor_start[t];
    snprintf(where, sizeof where, "stages[%u]", t);
    llmsched_status status =
        lls_json_get_numbers(p->context, json, where, "successors", &values, &count, err);
    if (status != LLMSCHED_OK)
        return status;
    if (!lls_grow(p->context, (void **)&p->successors, capacity, (size_t)total + count,
                  sizeof *p->successors))
        status = lls_fail_memory(err);
    for (uint32_t i = 0; i < count && status == LLMSCHED_OK; i++) {
        if (!(values[i] >= 0 && values[i] < p->stage_count) || values[i] != floor(values[i]))
            status = wrong(err, where, "successors that are stage numbers");
        else
            p->successors[total++] = (uint32_t)values[i];
    }
    p->successor_start[t + 1] = total;
    lls_free(p->context, values);
    return status;
}

static llmsched_status read_stages(llmsched_profile *p, const lls_json *json, llmsched_error *err)
{
    const lls_json *array = NULL;
    uint32_t t = 0, capacity = 0;
    llmsched_status status = lls_json_get_array(json, "profile", "stages", &array, err);
    if (status != LLMSCHED_OK)
        return status;
    if (lls_json_count(array) != p->stage_count)
        return wrong(err, "stages", "one element per stage of dag");
    for (const lls_json *item = lls_json_first(array); item != NULL; item = lls_json_next(item)) {
        status = read_stage(p, t, item, err);
        if (status == LLMSCHED_OK)
            status = read_successors(p, t, item, &capacity, err);
        if (status != LLMSCHED_OK)
            return status;
        t++;
    }
    return lls_profile_index(p, err);
}

static llmsched_status read_remainder(const lls_json *item, const char *where, lls_remainder *r,
                                      llmsched_error *err)
{
    double *fields[] = {&r->mean, &r->q10, &r->q50, &r->q90};
    uint32_t i = 0;
    const lls_json *value = lls_json_kind(item) == LLS_JSON_ARRAY ? lls_json_first(item) : NULL;
    for (; value != NULL && i < 4; value = lls_json_next(value)) {
        if (lls_json_kind(value) != LLS_JSON_NUMBER || lls_json_value_number(value) < 0)
            break;
        *fields[i++] = lls_json_value_number(value);
    }
    return i == 4 && value == NULL
               ? LLMSCHED_OK
               : wrong(err, where, "arrays of four numbers that are not negative");
}

/* first: where this kind's entries begin. The first call sets how many there are. */
static llmsched_status read_remainders(llmsched_profile *p, const lls_json *json, const char *key,
                                       bool first, llmsched_error *err)
{
    const lls_json *array = NULL;
    llmsched_status status = lls_json_get_array(json, "profile", key, &array, err);
    if (status != LLMSCHED_OK)
        return status;
    uint32_t count = lls_json_count(array);
    if (count == 0 || (!first && count != p->remainder_count))
        return wrong(err, key, "as many entries as llm_remainders, at least one");
    if (first) {
        p->remainder_count = count;
        p->remainders = lls_calloc(p->context, 2 * (size_t)count, sizeof *p->remainders);
        if (p->remainders == NULL)
            return lls_fail_memory(err);
    }
    lls_remainder *to = p->remainders + (first ? 0 : count);
    for (const lls_json *item = lls_json_first(array); item != NULL && status == LLMSCHED_OK;
         item = lls_json_next(item))
        status = read_remainder(item, key, to++, err);
    return status;
}

static llmsched_status read_means(llmsched_profile *p, const lls_json *json, llmsched_error *err)
{
    double *means = NULL;
    uint32_t count = 0;
    llmsched_status status =
        lls_json_get_u64(json, "profile", "run_count", UINT64_C(1) << 53, &p->run_count, err);
    if (status == LLMSCHED_OK)
        status = lls_json_get_nonnegative(json, "profile", "mean_llm_s", &p->mean_llm_s, err);
    if (status == LLMSCHED_OK)
        status = lls_json_get_nonnegative(json, "profile", "mean_tool_s", &p->mean_tool_s, err);
    if (status == LLMSCHED_OK)
        status = lls_json_get_number(json, "profile", "log_likelihood", &p->log_likelihood, err);
    if (status == LLMSCHED_OK)
        status =
            lls_json_get_numbers(p->context, json, "profile", "mean_stage_s", &means, &count, err);
    if (status != LLMSCHED_OK)
        return status;
    if (count == 4)
        memcpy(p->mean_stage_s, means, sizeof p->mean_stage_s);
    lls_free(p->context, means);
    return count == 4 ? LLMSCHED_OK : wrong(err, "mean_stage_s", "four numbers");
}

/* The parts that have forms of their own. */
static llmsched_status read_parts(const llmsched_context *context, const lls_json *json,
                                  llmsched_dag **dag, llmsched_network **network,
                                  llmsched_error *err)
{
    const lls_json *dag_json = NULL, *network_json = NULL;
    llmsched_status status = lls_json_get_object(json, "profile", "dag", &dag_json, err);
    if (status == LLMSCHED_OK)
        status = lls_json_get_object(json, "profile", "network", &network_json, err);
    if (status == LLMSCHED_OK)
        status = lls_dag_from_json(context, dag_json, "dag", dag, err);
    if (status == LLMSCHED_OK)
        status = lls_network_from_json(context, network_json, "network", network, err);
    return status;
}

static llmsched_status read_profile(const llmsched_context *context, const lls_json *json,
                                    llmsched_profile **profile, llmsched_error *err)
{
    const char *format = NULL, *name = NULL;
    llmsched_dag *dag = NULL;
    llmsched_network *network = NULL;
    llmsched_profile *p = NULL;
    llmsched_status status = lls_json_get_string(json, "profile", "format", &format, err);
    if (status == LLMSCHED_OK && strcmp(format, FORMAT) != 0)
        status = wrong(err, "format", "\"" FORMAT "\"");
    if (status == LLMSCHED_OK)
        status = lls_json_get_string(json, "profile", "name", &name, err);
    if (status == LLMSCHED_OK)
        status = read_parts(context, json, &dag, &network, err);
    if (status == LLMSCHED_OK)
        status = lls_profile_new(context, name, llmsched_dag_stage_count(dag), &p, err);
    if (status != LLMSCHED_OK) {
        llmsched_dag_release(dag);
        llmsched_network_release(network);
        return status;
    }
    p->dag = dag;
    p->network = network;
    status = read_means(p, json, err);
    if (status == LLMSCHED_OK)
        status = read_remainders(p, json, "llm_remainders", true, err);
    if (status == LLMSCHED_OK)
        status = read_remainders(p, json, "tool_remainders", false, err);
    if (status == LLMSCHED_OK)
        status = lls_calls_from_json(p, json, err);
    if (status == LLMSCHED_OK)
        status = read_stages(p, json, err);
    if (status == LLMSCHED_OK)
        status = lls_forests_from_json(p, json, err);
    if (status != LLMSCHED_OK) {
        llmsched_profile_release(p);
        return status;
    }
    *profile = p;
    return LLMSCHED_OK;
}

llmsched_status llmsched_profile_from_json(llmsched_context *context, const char *text,
                                           size_t length, llmsched_profile **profile,
                                           llmsched_error *err)
{
    lls_json *json = NULL;
    if (context == NULL || text == NULL || profile == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "context, json and profile must not be NULL");
    llmsched_status status = lls_json_parse(text, length, 1, &json, err);
    if (status == LLMSCHED_OK)
        status = read_profile(context, json, profile, err);
    lls_json_free(json);
    return status;
}
