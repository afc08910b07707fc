/* SPDX-License-Identifier: Apache-2.0 */
#include "bayes/batch.h"

#include <string.h>

enum { TABLE = 2 * LLS_BATCH_BLOCK };

bool lls_groups_init(lls_groups *groups, const llmsched_context *context)
{
    const size_t n = LLS_BATCH_BLOCK;
    return (groups->first = lls_calloc(context, n, sizeof *groups->first)) != NULL &&
           (groups->last = lls_calloc(context, n, sizeof *groups->last)) != NULL &&
           (groups->next = lls_calloc(context, n, sizeof *groups->next)) != NULL &&
           (groups->table = lls_calloc(context, TABLE, sizeof *groups->table)) != NULL;
}

void lls_groups_finish(lls_groups *groups, const llmsched_context *context)
{
    lls_free(context, groups->first);
    lls_free(context, groups->last);
    lls_free(context, groups->next);
    lls_free(context, groups->table);
}

static uint32_t hash_of(const uint32_t *key, size_t words)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < words; i++)
        hash = (hash ^ (hash >> 32) ^ key[i]) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(hash >> 40);
}

static bool same(const uint32_t *a, const uint32_t *b, size_t words)
{
    for (size_t i = 0; i < words; i++)
        if (a[i] != b[i])
            return false;
    return true;
}

void lls_groups_sort(lls_groups *groups, const uint32_t *list, uint32_t count, const uint32_t *keys,
                     size_t words)
{
    uint32_t size = 16;
    while (size < 2 * count)
        size *= 2;
    memset(groups->table, 0xff, size * sizeof *groups->table);
    groups->count = 0;
    for (uint32_t k = 0; k < count; k++) {
        uint32_t job = list[k], at = hash_of(keys + job * words, words) & (size - 1), group;
        while ((group = groups->table[at]) != LLS_NONE32 &&
               !same(keys + groups->first[group] * words, keys + job * words, words))
            at = (at + 1) & (size - 1);
        groups->next[job] = LLS_NONE32;
        if (group == LLS_NONE32) {
            group = groups->table[at] = groups->count++;
            groups->first[group] = job;
        } else {
            groups->next[groups->last[group]] = job;
        }
        groups->last[group] = job;
    }
}
