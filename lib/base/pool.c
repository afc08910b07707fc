/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks by size class, cut from slabs as they are needed. A slab adds an
 * eighth to what its class has, so that numbers may go up and down a little
 * without another.
 */
#include "base/internal.h"

#include <stddef.h>
#include <string.h>

enum { FIRST_BLOCKS = 4, FEW_BLOCKS = 64, MOST_SLAB = 1 << 20 };

struct lls_pool_block {
    struct lls_pool_block *next;
};

/* Before a slab's blocks; keeps them aligned for anything. */
typedef union slab_head {
    struct lls_pool_block block;
    max_align_t align;
} slab_head;

void lls_pool_init(lls_pool *pool, const llmsched_context *context)
{
    *pool = (lls_pool){.context = context};
}

void lls_pool_finish(lls_pool *pool)
{
    while (pool->slabs != NULL) {
        struct lls_pool_block *slab = pool->slabs;
        pool->slabs = slab->next;
        lls_free(pool->context, slab);
    }
    lls_pool_init(pool, pool->context);
}

static size_t class_of(size_t bytes)
{
    return bytes > 0 ? (bytes - 1) / LLS_POOL_STEP : 0;
}

/* Not cleared: pages that are not used yet cost nothing. */
static bool add_slab(lls_pool *pool, size_t class_number)
{
    size_t size = (class_number + 1) * LLS_POOL_STEP;
    uint32_t made = pool->made[class_number], capacity = 0;
    uint32_t count = made < FIRST_BLOCKS ? FIRST_BLOCKS : made < FEW_BLOCKS ? made : made / 8;
    if (made >= FEW_BLOCKS && count < FEW_BLOCKS)
        count = FEW_BLOCKS;
    if (count > MOST_SLAB / size)
        count = (uint32_t)(MOST_SLAB / size);
    void *room = NULL;
    if (!lls_grow(pool->context, &room, &capacity, sizeof(slab_head) + count * size, 1))
        return false;
    slab_head *slab = room;
    slab->block.next = pool->slabs;
    pool->slabs = &slab->block;
    pool->made[class_number] += count;
    pool->uncut[class_number] = count;
    pool->cut_from[class_number] = (char *)(slab + 1);
    return true;
}

static void *cut(lls_pool *pool, size_t class_number)
{
    if (pool->uncut[class_number] == 0 && !add_slab(pool, class_number))
        return NULL;
    void *block = pool->cut_from[class_number];
    pool->uncut[class_number]--;
    pool->cut_from[class_number] += (class_number + 1) * LLS_POOL_STEP;
    return block;
}

void *lls_pool_take(lls_pool *pool, size_t bytes)
{
    if (bytes > LLS_POOL_MOST)
        return lls_calloc(pool->context, 1, bytes);
    size_t class_number = class_of(bytes);
    struct lls_pool_block *block = pool->free[class_number];
    if (block != NULL)
        pool->free[class_number] = block->next;
    else
        block = cut(pool, class_number);
    return block != NULL ? memset(block, 0, bytes) : NULL;
}

void lls_pool_give(lls_pool *pool, void *ptr, size_t bytes)
{
    struct lls_pool_block *block = ptr;
    if (block == NULL)
        return;
    if (bytes > LLS_POOL_MOST) {
        lls_free(pool->context, block);
        return;
    }
    block->next = pool->free[class_of(bytes)];
    pool->free[class_of(bytes)] = block;
}
