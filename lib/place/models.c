/* SPDX-License-Identifier: Apache-2.0 */
/* Models and their configurations: added, checked, read. */
#include "place/internal.h"

#include <stdio.h>
#include <string.h>

void lls_model_finish(const llmsched_context *context, lls_model *model)
{
    for (uint32_t c = 0; c < model->config_count; c++)
        lls_curve_finish(&model->configs[c].curve, context);
    lls_free(context, model->configs);
    lls_free(context, model->name);
}

uint32_t lls_find_model(const llmsched_planner *planner, const char *name)
{
    return lls_map_get_str(&planner->model_numbers, name);
}

/* --- models ----------------------------------------------------------------------- */

static llmsched_status check_model(const llmsched_planner *planner, const llmsched_model *model,
                                   const char *where, llmsched_error *err)
{
    llmsched_status status = lls_check_name(model->name, where, "name", err);
    if (status == LLMSCHED_OK)
        status = lls_check_quantity(model->weight_bytes, where, "weight_bytes", err);
    if (status == LLMSCHED_OK)
        status = lls_check_quantity(model->kv_bytes_per_token, where, "kv_bytes_per_token", err);
    if (status == LLMSCHED_OK)
        status = lls_check_quantity(model->kv_floor_bytes, where, "kv_floor_bytes", err);
    if (status == LLMSCHED_OK)
        status = lls_check_quantity(model->runtime_bytes, where, "runtime_bytes", err);
    if (status == LLMSCHED_OK && lls_find_model(planner, model->name) != LLS_NONE32)
        return lls_fail(err, LLMSCHED_ERROR_EXISTS,
                        "%sname: \"%.80s\" is there already: names must be unique", where,
                        model->name);
    return status;
}

llmsched_status lls_model_add(llmsched_planner *planner, const llmsched_model *model,
                              const char *where, llmsched_error *err)
{
    char own[LLS_WHERE_BYTES];
    snprintf(own, sizeof own, "model \"%.80s\": ", model->name != NULL ? model->name : "");
    llmsched_status status = check_model(planner, model, where != NULL ? where : own, err);
    if (status != LLMSCHED_OK)
        return status;
    void *grown = planner->models;
    bool ok = lls_grow(planner->context, &grown, &planner->model_capacity,
                       (size_t)planner->model_count + 1, sizeof *planner->models);
    planner->models = grown;
    char *name = ok ? lls_strdup(planner->context, model->name) : NULL;
    if (name == NULL || !lls_map_put_str(&planner->model_numbers, name, planner->model_count)) {
        lls_free(planner->context, name);
        return lls_fail_memory(err);
    }
    planner->models[planner->model_count++] = (lls_model){.name = name,
                                                          .weight = model->weight_bytes,
                                                          .kv_per_token = model->kv_bytes_per_token,
                                                          .kv_floor = model->kv_floor_bytes,
                                                          .runtime = model->runtime_bytes};
    return LLMSCHED_OK;
}

llmsched_status llmsched_planner_add_model(llmsched_planner *planner, const llmsched_model *model,
                                           uint32_t *index, llmsched_error *err)
{
    if (planner == NULL || model == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "%s: must not be NULL",
                        planner == NULL ? "planner" : "model");
    llmsched_model given;
    llmsched_status status =
        lls_sized_in(&given, sizeof given, model, sizeof given, "llmsched_model", err);
    if (status == LLMSCHED_OK)
        status = lls_model_add(planner, &given, NULL, err);
    if (status == LLMSCHED_OK && index != NULL)
        *index = planner->model_count - 1;
    return status;
}

/* --- configurations ------------------------------------------------------------------ */

static llmsched_status check_prefill(const llmsched_model_config *config, const char *where,
                                     llmsched_error *err)
{
    if (config->prefill_count == 0) {
        llmsched_status status =
            lls_check_quantity(config->prefill_base_s, where, "prefill.base_s", err);
        if (status == LLMSCHED_OK)
            status =
                lls_check_quantity(config->prefill_per_token_s, where, "prefill.per_token_s", err);
        return status;
    }
    const double *tokens = config->prefill_tokens, *seconds = config->prefill_s;
    if (tokens == NULL || seconds == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "%sprefill.table: prefill_tokens and prefill_s must be given", where);
    for (uint32_t i = 0; i < config->prefill_count; i++) {
        char key[48];
        snprintf(key, sizeof key, "prefill.table[%u]", (unsigned)i);
        llmsched_status status = lls_check_quantity(tokens[i], where, key, err);
        if (status == LLMSCHED_OK)
            status = lls_check_quantity(seconds[i], where, key, err);
        if (status != LLMSCHED_OK)
            return status;
        if (i > 0 && tokens[i] <= tokens[i - 1])
            return lls_fail(err, LLMSCHED_ERROR_INVALID,
                            "%s%s: %g tokens after %g: expected ascending tokens", where, key,
                            tokens[i], tokens[i - 1]);
    }
    return LLMSCHED_OK;
}

static llmsched_status check_decode_table(const llmsched_model_config *config, const char *where,
                                          llmsched_error *err)
{
    if (config->decode_batch == NULL || config->decode_context == NULL || config->decode_s == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "%sdecode.table: decode_batch, decode_context and decode_s must be given",
                        where);
    for (uint32_t i = 0; i < config->decode_count; i++) {
        char key[48];
        snprintf(key, sizeof key, "decode.table[%u]", (unsigned)i);
        llmsched_status status = lls_check_quantity(config->decode_batch[i], where, key, err);
        if (status == LLMSCHED_OK)
            status = lls_check_quantity(config->decode_context[i], where, key, err);
        if (status == LLMSCHED_OK)
            status = lls_check_quantity(config->decode_s[i], where, key, err);
        if (status != LLMSCHED_OK)
            return status;
    }
    return LLMSCHED_OK;
}

static llmsched_status check_decode(const llmsched_model_config *config, const char *where,
                                    llmsched_error *err)
{
    if (config->decode_count > 0)
        return check_decode_table(config, where, err);
    llmsched_status status = lls_check_quantity(config->decode_base_s, where, "decode.base_s", err);
    if (status == LLMSCHED_OK)
        status =
            lls_check_quantity(config->decode_per_request_s, where, "decode.per_request_s", err);
    if (status == LLMSCHED_OK)
        status = lls_check_quantity(config->decode_per_request_token_s, where,
                                    "decode.per_request_token_s", err);
    return status;
}

static llmsched_status check_count(uint32_t value, uint32_t most, const char *where,
                                   const char *key, llmsched_error *err)
{
    if (value >= 1 && value <= most)
        return LLMSCHED_OK;
    return lls_fail(err, LLMSCHED_ERROR_INVALID, "%s%s: is %u: expected an integer in 1 .. %u",
                    where, key, (unsigned)value, (unsigned)most);
}

/* What is absent filled in before: share and bandwidth are set. */
static llmsched_status check_config(const llmsched_model_config *config, const char *where,
                                    llmsched_error *err)
{
    llmsched_status status = lls_check_name(config->gpu, where, "gpu", err);
    if (status == LLMSCHED_OK)
        status = check_count(config->tp, LLS_PLACE_MOST_TP, where, "tp", err);
    if (status == LLMSCHED_OK)
        status = lls_check_fraction(config->share, where, "share", err);
    if (status == LLMSCHED_OK)
        status = check_count(config->max_batch, LLS_PLACE_MOST_BATCH, where, "max_batch", err);
    if (status == LLMSCHED_OK)
        status = lls_check_quantity(config->bandwidth, where, "bandwidth", err);
    if (status == LLMSCHED_OK && config->bandwidth > 1.0)
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "%sbandwidth: is %g: expected a fraction, in 0 .. 1", where,
                        config->bandwidth);
    if (status == LLMSCHED_OK)
        status = check_prefill(config, where, err);
    if (status == LLMSCHED_OK)
        status = check_decode(config, where, err);
    return status;
}

static llmsched_status check_new(const llmsched_planner *planner, const lls_model *model,
                                 const llmsched_model_config *config, const char *where,
                                 llmsched_error *err)
{
    uint32_t kind = lls_map_get_str(&planner->kind_numbers, config->gpu);
    for (uint32_t c = 0; kind != LLS_NONE32 && c < model->config_count; c++) {
        const lls_config *other = &model->configs[c];
        if (other->kind == kind && other->tp == config->tp && other->share == config->share)
            return lls_fail(err, LLMSCHED_ERROR_EXISTS,
                            "%sshare: tp %u with share %g on %.40s is configuration %u already: "
                            "give each once",
                            where, (unsigned)config->tp, config->share, config->gpu, (unsigned)c);
    }
    return LLMSCHED_OK;
}

static llmsched_status append_config(llmsched_planner *planner, lls_model *model,
                                     const llmsched_model_config *config, const char *where,
                                     llmsched_error *err)
{
    void *grown = model->configs;
    bool ok = lls_grow(planner->context, &grown, &model->config_capacity,
                       (size_t)model->config_count + 1, sizeof *model->configs);
    model->configs = grown;
    lls_curve curve;
    if (!ok || !lls_curve_init(&curve, planner->context, config))
        return lls_fail_memory(err);
    uint32_t twice = lls_curve_duplicate(&curve);
    if (twice != LLS_NONE32) {
        lls_fail(err, LLMSCHED_ERROR_INVALID,
                 "%sdecode.table: batch %g with context %g stands twice: give each once", where,
                 curve.decode_batch[twice], curve.decode_context[twice]);
        lls_curve_finish(&curve, planner->context);
        return LLMSCHED_ERROR_INVALID;
    }
    uint32_t kind = lls_planner_kind(planner, config->gpu);
    if (kind == LLS_NONE32) {
        lls_curve_finish(&curve, planner->context);
        return lls_fail_memory(err);
    }
    model->configs[model->config_count++] = (lls_config){.kind = kind,
                                                         .tp = config->tp,
                                                         .max_batch = config->max_batch,
                                                         .share = config->share,
                                                         .bandwidth = config->bandwidth,
                                                         .curve = curve};
    return LLMSCHED_OK;
}

llmsched_status lls_config_add(llmsched_planner *planner, uint32_t number,
                               const llmsched_model_config *given, const char *where,
                               llmsched_error *err)
{
    lls_model *model = &planner->models[number];
    char own[LLS_WHERE_BYTES];
    snprintf(own, sizeof own, "configuration of model \"%.80s\": ", model->name);
    where = where != NULL ? where : own;
    llmsched_model_config config = *given;
    if (config.share == 0.0)
        config.share = 1.0;
    if ((config.flags & LLMSCHED_CONFIG_HAS_BANDWIDTH) == 0)
        config.bandwidth = config.share;
    llmsched_status status = check_config(&config, where, err);
    if (status == LLMSCHED_OK)
        status = check_new(planner, model, &config, where, err);
    if (status == LLMSCHED_OK)
        status = append_config(planner, model, &config, where, err);
    return status;
}

static llmsched_status find_model(const llmsched_planner *planner, uint32_t model,
                                  const void *argument, const char *name, llmsched_error *err)
{
    if (planner == NULL || argument == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "%s: must not be NULL",
                        planner == NULL ? "planner" : name);
    if (model >= planner->model_count)
        return lls_fail(err, LLMSCHED_ERROR_NOT_FOUND, "no model %u: the planner has %u",
                        (unsigned)model, (unsigned)planner->model_count);
    return LLMSCHED_OK;
}

llmsched_status llmsched_planner_add_config(llmsched_planner *planner, uint32_t model,
                                            const llmsched_model_config *config, uint32_t *index,
                                            llmsched_error *err)
{
    llmsched_status status = find_model(planner, model, config, "config", err);
    if (status != LLMSCHED_OK)
        return status;
    llmsched_model_config given;
    status = lls_sized_in(&given, sizeof given, config, sizeof given, "llmsched_model_config", err);
    if (status == LLMSCHED_OK)
        status = lls_config_add(planner, model, &given, NULL, err);
    if (status == LLMSCHED_OK && index != NULL)
        *index = planner->models[model].config_count - 1;
    return status;
}

/* --- reading -------------------------------------------------------------------------- */

uint32_t llmsched_planner_model_count(const llmsched_planner *planner)
{
    return planner != NULL ? planner->model_count : 0;
}

uint32_t llmsched_planner_find_model(const llmsched_planner *planner, const char *name)
{
    return planner != NULL && name != NULL ? lls_find_model(planner, name) : LLMSCHED_INDEX_NONE;
}

llmsched_status llmsched_planner_get_model(const llmsched_planner *planner, uint32_t index,
                                           llmsched_model *model, llmsched_error *err)
{
    llmsched_status status = find_model(planner, index, model, "model", err);
    if (status != LLMSCHED_OK)
        return status;
    const lls_model *m = &planner->models[index];
    llmsched_model now = {.size = sizeof now,
                          .config_count = m->config_count,
                          .name = m->name,
                          .weight_bytes = m->weight,
                          .kv_bytes_per_token = m->kv_per_token,
                          .kv_floor_bytes = m->kv_floor,
                          .runtime_bytes = m->runtime};
    return lls_sized_out(model, &now, sizeof now, sizeof now, "llmsched_model", err);
}

static llmsched_status find_config(const llmsched_planner *planner, uint32_t model, uint32_t index,
                                   const void *argument, const char *name, llmsched_error *err)
{
    llmsched_status status = find_model(planner, model, argument, name, err);
    if (status == LLMSCHED_OK && index >= planner->models[model].config_count)
        return lls_fail(err, LLMSCHED_ERROR_NOT_FOUND,
                        "no configuration %u: model \"%.80s\" has %u", (unsigned)index,
                        planner->models[model].name, (unsigned)planner->models[model].config_count);
    return status;
}

llmsched_status llmsched_planner_get_config(const llmsched_planner *planner, uint32_t model,
                                            uint32_t index, llmsched_model_config *config,
                                            llmsched_error *err)
{
    llmsched_status status = find_config(planner, model, index, config, "config", err);
    if (status != LLMSCHED_OK)
        return status;
    const lls_config *c = &planner->models[model].configs[index];
    const lls_curve *curve = &c->curve;
    llmsched_model_config now = {.size = sizeof now,
                                 .tp = c->tp,
                                 .gpu = planner->kinds[c->kind],
                                 .share = c->share,
                                 .bandwidth = c->bandwidth,
                                 .max_batch = c->max_batch,
                                 .flags = LLMSCHED_CONFIG_HAS_BANDWIDTH,
                                 .prefill_base_s = curve->prefill_base,
                                 .prefill_per_token_s = curve->prefill_per_token,
                                 .decode_base_s = curve->decode_base,
                                 .decode_per_request_s = curve->decode_per_request,
                                 .decode_per_request_token_s = curve->decode_per_request_token,
                                 .prefill_count = curve->prefill_count,
                                 .decode_count = curve->decode_count,
                                 .prefill_tokens = curve->prefill_tokens,
                                 .prefill_s = curve->prefill_s,
                                 .decode_batch = curve->decode_batch,
                                 .decode_context = curve->decode_context,
                                 .decode_s = curve->decode_s};
    return lls_sized_out(config, &now, sizeof now, sizeof now, "llmsched_model_config", err);
}

llmsched_status llmsched_planner_prefill_s(const llmsched_planner *planner, uint32_t model,
                                           uint32_t config, double tokens, double *seconds,
                                           llmsched_error *err)
{
    llmsched_status status = find_config(planner, model, config, seconds, "seconds", err);
    if (status == LLMSCHED_OK)
        status = lls_check_quantity(tokens, "", "tokens", err);
    if (status == LLMSCHED_OK)
        *seconds = lls_curve_prefill(&planner->models[model].configs[config].curve, tokens);
    return status;
}

llmsched_status llmsched_planner_decode_s(const llmsched_planner *planner, uint32_t model,
                                          uint32_t config, double batch, double context,
                                          double *seconds, llmsched_error *err)
{
    llmsched_status status = find_config(planner, model, config, seconds, "seconds", err);
    if (status == LLMSCHED_OK)
        status = lls_check_quantity(batch, "", "batch", err);
    if (status == LLMSCHED_OK)
        status = lls_check_quantity(context, "", "context", err);
    if (status == LLMSCHED_OK)
        *seconds = lls_curve_decode(&planner->models[model].configs[config].curve, batch, context);
    return status;
}
