/* SPDX-License-Identifier: Apache-2.0 */
/* The planners by name, and their options. */
#include "place/internal.h"

#include "place/rivals/rivals.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const lls_method methods[] = {
    {"llmsched",
     "least weighted latency: best-first search over menus with packing and bounds; no options",
     lls_plan_by_search},
    {"k8s",
     "whole GPUs, one replica each to start with, then the Horizontal Pod Autoscaler: target=0.7 "
     "requests per place, start=30 seconds",
     lls_plan_k8s},
    {"kserve",
     "whole GPUs, one replica each to start with, then Knative's autoscaler: target=0.7 requests "
     "per place, start=30 seconds",
     lls_plan_kserve},
    {"best-manual",
     "whole GPUs, the least tensor parallelism that fits, replicas of least weighted latency: the "
     "best static setting of Kubernetes; no options",
     lls_plan_best_manual},
    {"muxserve",
     "meshes that models share, each whole on one, by estimated throughput (Duan et al., ICML "
     "2024, reconstructed); no options",
     lls_plan_muxserve},
};

const lls_method *lls_method_find(const char *name)
{
    size_t length = strcspn(name, ":");
    for (size_t i = 0; i < LLS_COUNT(methods); i++)
        if (strlen(methods[i].name) == length && strncmp(methods[i].name, name, length) == 0)
            return &methods[i];
    return NULL;
}

uint32_t llmsched_planner_method_count(void)
{
    return LLS_COUNT(methods);
}

const char *llmsched_planner_method_name(uint32_t index)
{
    return index < LLS_COUNT(methods) ? methods[index].name : NULL;
}

const char *llmsched_planner_method_summary(uint32_t index)
{
    return index < LLS_COUNT(methods) ? methods[index].summary : NULL;
}

/* --- options --------------------------------------------------------------------------- */

static const lls_method_option *find_option(const lls_method_option *options, uint32_t count,
                                            const char *name, size_t length)
{
    for (uint32_t i = 0; i < count; i++)
        if (strlen(options[i].name) == length && strncmp(options[i].name, name, length) == 0)
            return &options[i];
    return NULL;
}

/* A number that fills the text up to end. */
static bool read_number(const char *text, const char *end, double *value)
{
    char copy[32], *stop = NULL;
    size_t length = (size_t)(end - text);
    if (length == 0 || length >= sizeof copy)
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    *value = strtod(copy, &stop);
    return *stop == '\0' && isfinite(*value);
}

static llmsched_status read_option(const lls_planning *planning, const char *text, const char *end,
                                   const lls_method_option *options, uint32_t count,
                                   llmsched_error *err)
{
    const char *equals = memchr(text, '=', (size_t)(end - text));
    size_t length = (size_t)((equals != NULL ? equals : end) - text);
    int method = (int)strcspn(planning->name, ":"), shown = (int)(length < 60 ? length : 60);
    const lls_method_option *option = find_option(options, count, text, length);
    double value = 0.0;
    if (option == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "planner %.*s has no option \"%.*s\"", method,
                        planning->name, shown, text);
    if (equals == NULL || !read_number(equals + 1, end, &value) || value < option->minimum ||
        value > option->maximum)
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "planner %.*s: %s must be a number in %g .. %g", method, planning->name,
                        option->name, option->minimum, option->maximum);
    *option->value = value;
    return LLMSCHED_OK;
}

llmsched_status lls_method_options(const lls_planning *planning, const lls_method_option *options,
                                   uint32_t count, llmsched_error *err)
{
    llmsched_status status = LLMSCHED_OK;
    for (const char *text = planning->arguments; status == LLMSCHED_OK && *text != '\0';) {
        const char *end = text + strcspn(text, ",");
        status = read_option(planning, text, end, options, count, err);
        text = *end == ',' ? end + 1 : end;
    }
    return status;
}
