/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers of the planner's JSON documents share. Their messages begin with the path of
 * what they are about. */
#include "place/internal.h"

#include <string.h>

llmsched_status lls_reading_begin(const char *json, size_t length, const char *format,
                                  lls_json **tree, llmsched_error *err)
{
    const char *given = NULL;
    llmsched_status status = lls_json_parse(json, length, 1, tree, err);
    if (status != LLMSCHED_OK)
        return status;
    status = lls_json_get_string(*tree, "", "format", &given, err);
    if (status == LLMSCHED_OK && strcmp(given, format) != 0)
        status = lls_fail(err, LLMSCHED_ERROR_PARSE, "format: \"%.40s\": expected \"%s\"", given,
                          format);
    if (status != LLMSCHED_OK)
        lls_json_free(*tree);
    return status;
}

llmsched_status lls_reading_end(llmsched_status status, lls_json *tree, llmsched_error *err)
{
    lls_json_free(tree);
    if (status == LLMSCHED_OK || status == LLMSCHED_ERROR_MEMORY)
        return status;
    if (err != NULL && err->size >= sizeof *err)
        err->status = LLMSCHED_ERROR_PARSE;
    return LLMSCHED_ERROR_PARSE;
}

llmsched_status lls_reading_array(const lls_json *object, const char *path, const char *key,
                                  const lls_json **array, llmsched_error *err)
{
    *array = NULL;
    if (lls_json_member(object, key) == NULL)
        return LLMSCHED_OK;
    return lls_json_get_array(object, path, key, array, err);
}

llmsched_status lls_reading_numbers(const lls_json *object, const char *path,
                                    const lls_reading_number *numbers, size_t count,
                                    llmsched_error *err)
{
    llmsched_status status = LLMSCHED_OK;
    for (size_t i = 0; status == LLMSCHED_OK && i < count; i++)
        status =
            numbers[i].optional
                ? lls_json_opt_nonnegative(object, path, numbers[i].key, numbers[i].value, err)
                : lls_json_get_nonnegative(object, path, numbers[i].key, numbers[i].value, err);
    return status;
}

llmsched_status lls_reading_u32(const lls_json *object, const char *path, const char *key,
                                uint32_t *value, llmsched_error *err)
{
    uint64_t number = 0;
    llmsched_status status = lls_json_get_u64(object, path, key, UINT32_MAX, &number, err);
    if (status == LLMSCHED_OK)
        *value = (uint32_t)number;
    return status;
}
