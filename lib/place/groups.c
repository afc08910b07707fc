/* SPDX-License-Identifier: Apache-2.0 */
/* The groups in which the calls of a model come: the tasks of a stage at once (docs/algorithms.md
 * section 8.3). */
#include "place/internal.h"

#include <math.h>

/* Larger groups count as this, and what they have more as a wait of its own. */
enum { MOST_GROUP = 1 << 14 };

/* Adds calls in groups of a size; there is room. */
static void add(lls_call_groups *groups, uint32_t size, double load)
{
    uint32_t i = 0;
    while (i < groups->count && groups->sizes[i] != size)
        i++;
    groups->sizes[i] = size;
    groups->loads[i] += load;
    groups->count += i == groups->count;
    if (size > groups->largest)
        groups->largest = size;
}

/* A mean of 2.3 tasks is 2 or 3, so that the mean is right. */
static void add_call(lls_call_groups *groups, const lls_call *call)
{
    double size = fmin(fmax(1.0, call->tasks), MOST_GROUP), low = floor(size), more = size - low;
    double rate = call->rate / size;
    add(groups, (uint32_t)low, rate * (1.0 - more) * low);
    if (more > 0.0)
        add(groups, (uint32_t)low + 1, rate * more * (low + 1.0));
    groups->rest += call->rate * fmax(0.0, call->tasks - MOST_GROUP);
}

bool lls_call_groups_init(lls_call_groups *groups, const llmsched_context *context,
                          const lls_demand *demand)
{
    bool alone = true;
    *groups = (lls_call_groups){0};
    for (uint32_t i = 0; i < demand->call_count; i++)
        alone = alone && demand->calls[i].tasks <= 1.0;
    if (alone)
        return true;
    groups->sizes = lls_calloc(context, 2 * (size_t)demand->call_count, sizeof *groups->sizes);
    groups->loads = lls_calloc(context, 2 * (size_t)demand->call_count, sizeof *groups->loads);
    if (groups->sizes == NULL || groups->loads == NULL) {
        lls_call_groups_finish(groups, context);
        return false;
    }
    for (uint32_t i = 0; i < demand->call_count; i++)
        add_call(groups, &demand->calls[i]);
    groups->rest /= demand->load;
    return true;
}

void lls_call_groups_finish(lls_call_groups *groups, const llmsched_context *context)
{
    lls_free(context, groups->sizes);
    lls_free(context, groups->loads);
    *groups = (lls_call_groups){0};
}
