/* SPDX-License-Identifier: Apache-2.0 */
/* The planners by name. */
#include "place/internal.h"

#include <string.h>

static const lls_method methods[] = {
    {"llmsched",
     "least weighted latency: best-first search over menus with packing and bounds; no options",
     lls_plan_by_search},
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
