/* SPDX-License-Identifier: Apache-2.0 */
/* An allocator that knows how often it was asked and how many bytes are out. */
#ifndef LLS_TEST_SIZED_H
#define LLS_TEST_SIZED_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "llmsched/base.h"

struct sized {
    uint64_t calls; /* for new or larger blocks */
    uint64_t bytes;
    uint64_t most_moved; /* of a block that was made larger */
};

/* Before each block lies its size. */
enum { SIZED_HEAD = 16 };

static inline void *sized_reallocate(void *user, void *ptr, size_t bytes)
{
    struct sized *s = user;
    char *old = ptr != NULL ? (char *)ptr - SIZED_HEAD : NULL;
    size_t before = old != NULL ? *(size_t *)(void *)old : 0;
    char *block = realloc(old, SIZED_HEAD + bytes);
    s->calls++;
    if (before > s->most_moved)
        s->most_moved = before;
    if (block == NULL)
        return NULL;
    *(size_t *)(void *)block = bytes;
    s->bytes += bytes - before;
    return block + SIZED_HEAD;
}

static inline void *sized_allocate(void *user, size_t bytes)
{
    return sized_reallocate(user, NULL, bytes);
}

static inline void sized_release(void *user, void *ptr)
{
    struct sized *s = user;
    if (ptr == NULL)
        return;
    char *block = (char *)ptr - SIZED_HEAD;
    s->bytes -= *(size_t *)(void *)block;
    free(block);
}

static inline llmsched_allocator sized_allocator(struct sized *s)
{
    llmsched_allocator a = {.size = sizeof a,
                            .user = s,
                            .allocate = sized_allocate,
                            .reallocate = sized_reallocate,
                            .release = sized_release};
    return a;
}

#endif
