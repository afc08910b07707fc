/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All memory of the library, taken from the allocator of a context.
 */
#include "base/internal.h"

#include <string.h>

void *lls_calloc(const llmsched_context *context, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size)
        return NULL;
    size_t bytes = count * size;
    if (bytes == 0)
        bytes = 1;
    /* More than this no object may have: differences of pointers would not fit. */
    if (bytes > PTRDIFF_MAX)
        return NULL;
    void *ptr = context->allocator.allocate(context->allocator.user, bytes);
    if (ptr != NULL)
        memset(ptr, 0, bytes);
    return ptr;
}

void *lls_allocate(const llmsched_context *context, size_t bytes)
{
    if (bytes > PTRDIFF_MAX)
        return NULL;
    return context->allocator.allocate(context->allocator.user, bytes > 0 ? bytes : 1);
}

bool lls_grow(const llmsched_context *context, void **items, uint32_t *capacity, size_t need,
              size_t item_size)
{
    if (need <= *capacity)
        return true;
    if (need > UINT32_MAX)
        return false;
    uint32_t wanted = *capacity < 8 ? 8 : *capacity > UINT32_MAX / 2 ? UINT32_MAX : *capacity * 2;
    if (wanted < need)
        wanted = (uint32_t)need;
    if (item_size != 0 && wanted > PTRDIFF_MAX / item_size)
        return false;
    void *grown =
        context->allocator.reallocate(context->allocator.user, *items, wanted * item_size);
    if (grown == NULL)
        return false;
    *items = grown;
    *capacity = wanted;
    return true;
}

char *lls_strdup(const llmsched_context *context, const char *text)
{
    size_t length = strlen(text);
    char *copy = lls_calloc(context, length + 1, 1);
    if (copy != NULL)
        memcpy(copy, text, length);
    return copy;
}

void lls_free(const llmsched_context *context, void *ptr)
{
    if (ptr != NULL)
        context->allocator.release(context->allocator.user, ptr);
}
