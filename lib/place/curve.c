/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measured curves: seconds of a prompt, and seconds per output token by batch and context
 * (docs/algorithms.md section 8.1). Tables are linear along the context, then along the batch,
 * clamped at the ends; each batch of a decode table, a row, has contexts of its own.
 */
#include "place/internal.h"

#include <string.h>

/* Index of the last of n > 0 ascending keys that is at most x; 0 where none is. */
static uint32_t last_at_most(const double *keys, uint32_t n, double x)
{
    uint32_t low = 0, high = n;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (keys[middle] <= x)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Linear between the points (keys ascending, n > 0), clamped at the ends. */
static double interpolate(const double *keys, const double *values, uint32_t n, double x)
{
    uint32_t i = last_at_most(keys, n, x);
    if (x <= keys[i] || i + 1 == n)
        return values[i];
    double part = (x - keys[i]) / (keys[i + 1] - keys[i]);
    return values[i] + part * (values[i + 1] - values[i]);
}

double lls_curve_prefill(const lls_curve *curve, double tokens)
{
    if (curve->prefill_count == 0)
        return curve->prefill_base + curve->prefill_per_token * tokens;
    return interpolate(curve->prefill_tokens, curve->prefill_s, curve->prefill_count, tokens);
}

static double row_value(const lls_curve *curve, uint32_t row, double context)
{
    uint32_t start = curve->row_start[row];
    return interpolate(curve->decode_context + start, curve->decode_s + start,
                       curve->row_start[row + 1] - start, context);
}

static double row_batch(const lls_curve *curve, uint32_t row)
{
    return curve->decode_batch[curve->row_start[row]];
}

double lls_curve_decode(const lls_curve *curve, double batch, double context)
{
    if (curve->decode_count == 0)
        return curve->decode_base + curve->decode_per_request * batch +
               curve->decode_per_request_token * batch * context;
    uint32_t low = 0, high = curve->row_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (row_batch(curve, middle) <= batch)
            low = middle;
        else
            high = middle;
    }
    double from = row_batch(curve, low), value = row_value(curve, low, context);
    if (batch <= from || low + 1 == curve->row_count)
        return value;
    double part = (batch - from) / (row_batch(curve, low + 1) - from);
    return value + part * (row_value(curve, low + 1, context) - value);
}

/* --- sorting ------------------------------------------------------------------- */

static bool goes_before(const lls_curve *curve, uint32_t a, uint32_t b)
{
    if (curve->decode_batch[a] != curve->decode_batch[b])
        return curve->decode_batch[a] < curve->decode_batch[b];
    return curve->decode_context[a] < curve->decode_context[b];
}

static void swap(double *values, uint32_t a, uint32_t b)
{
    double kept = values[a];
    values[a] = values[b];
    values[b] = kept;
}

static void swap_points(lls_curve *curve, uint32_t a, uint32_t b)
{
    swap(curve->decode_batch, a, b);
    swap(curve->decode_context, a, b);
    swap(curve->decode_s, a, b);
}

static void sift_down(lls_curve *curve, uint32_t at, uint32_t count)
{
    for (uint32_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && goes_before(curve, child, child + 1))
            child++;
        if (!goes_before(curve, at, child))
            return;
        swap_points(curve, at, child);
        at = child;
    }
}

/* Heap sort of the points in place, by batch, then context. Points that repeat another one are
 * refused after it, so that their order among each other does not matter. */
static void sort_points(lls_curve *curve)
{
    uint32_t n = curve->decode_count;
    for (uint32_t i = n / 2; i-- > 0;)
        sift_down(curve, i, n);
    for (uint32_t end = n; end-- > 1;) {
        swap_points(curve, 0, end);
        sift_down(curve, 0, end);
    }
}

uint32_t lls_curve_duplicate(const lls_curve *curve)
{
    for (uint32_t i = 1; i < curve->decode_count; i++)
        if (curve->decode_batch[i] == curve->decode_batch[i - 1] &&
            curve->decode_context[i] == curve->decode_context[i - 1])
            return i - 1;
    return LLS_NONE32;
}

static void find_rows(lls_curve *curve)
{
    for (uint32_t i = 0; i < curve->decode_count; i++)
        if (i == 0 || curve->decode_batch[i] != curve->decode_batch[i - 1])
            curve->row_start[curve->row_count++] = i;
    curve->row_start[curve->row_count] = curve->decode_count;
}

/* --- lifetime -------------------------------------------------------------------- */

static double *copy(const llmsched_context *context, const double *values, uint32_t count)
{
    double *made = lls_calloc(context, count, sizeof *made);
    if (made != NULL && count > 0)
        memcpy(made, values, count * sizeof *made);
    return made;
}

bool lls_curve_init(lls_curve *curve, const llmsched_context *context,
                    const llmsched_model_config *config)
{
    uint32_t prompts = config->prefill_count, points = config->decode_count;
    *curve = (lls_curve){.prefill_base = config->prefill_base_s,
                         .prefill_per_token = config->prefill_per_token_s,
                         .decode_base = config->decode_base_s,
                         .decode_per_request = config->decode_per_request_s,
                         .decode_per_request_token = config->decode_per_request_token_s,
                         .prefill_count = prompts,
                         .decode_count = points,
                         .prefill_tokens = copy(context, config->prefill_tokens, prompts),
                         .prefill_s = copy(context, config->prefill_s, prompts),
                         .decode_batch = copy(context, config->decode_batch, points),
                         .decode_context = copy(context, config->decode_context, points),
                         .decode_s = copy(context, config->decode_s, points),
                         .row_start = lls_calloc(context, (size_t)points + 1, sizeof(uint32_t))};
    if (curve->prefill_tokens == NULL || curve->prefill_s == NULL || curve->decode_batch == NULL ||
        curve->decode_context == NULL || curve->decode_s == NULL || curve->row_start == NULL) {
        lls_curve_finish(curve, context);
        return false;
    }
    sort_points(curve);
    find_rows(curve);
    return true;
}

void lls_curve_finish(lls_curve *curve, const llmsched_context *context)
{
    lls_free(context, curve->prefill_tokens);
    lls_free(context, curve->prefill_s);
    lls_free(context, curve->decode_batch);
    lls_free(context, curve->decode_context);
    lls_free(context, curve->decode_s);
    lls_free(context, curve->row_start);
    *curve = (lls_curve){0};
}
