/* SPDX-License-Identifier: Apache-2.0 */
/* Clusters as JSON, "llmsched-gpus-1" (docs/schemas.md). */
#include "place/internal.h"

#include <stdio.h>

static llmsched_status read_gpu(llmsched_planner *planner, const lls_json *json, uint32_t number,
                                llmsched_error *err)
{
    char path[LLS_PATH_BYTES], where[LLS_WHERE_BYTES];
    snprintf(path, sizeof path, "gpus[%u]", (unsigned)number);
    snprintf(where, sizeof where, "%s.", path);
    llmsched_gpu gpu = {.size = sizeof gpu};
    llmsched_status status = lls_json_get_string(json, path, "id", &gpu.id, err);
    if (status == LLMSCHED_OK)
        status = lls_json_get_string(json, path, "kind", &gpu.kind, err);
    if (status == LLMSCHED_OK)
        status = lls_json_get_nonnegative(json, path, "memory_bytes", &gpu.memory_bytes, err);
    if (status == LLMSCHED_OK)
        status = lls_json_get_string(json, path, "domain", &gpu.domain, err);
    if (status == LLMSCHED_OK)
        status = lls_gpu_add(planner, &gpu, where, err);
    return status;
}

llmsched_status llmsched_planner_read_cluster(llmsched_planner *planner, const char *json,
                                              size_t length, llmsched_error *err)
{
    if (planner == NULL || json == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "%s: must not be NULL",
                        planner == NULL ? "planner" : "json");
    lls_json *tree;
    const lls_json *gpus = NULL;
    llmsched_status status = lls_reading_begin(json, length, "llmsched-gpus-1", &tree, err);
    if (status != LLMSCHED_OK)
        return status;
    lls_planner_mark mark = lls_planner_get_mark(planner);
    status = lls_json_get_array(tree, "", "gpus", &gpus, err);
    uint32_t number = 0;
    const lls_json *item = status == LLMSCHED_OK ? lls_json_first(gpus) : NULL;
    for (; status == LLMSCHED_OK && item != NULL; item = lls_json_next(item))
        status = read_gpu(planner, item, number++, err);
    if (status != LLMSCHED_OK)
        lls_planner_roll_back(planner, mark);
    return lls_reading_end(status, tree, err);
}
