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

/* Large classes come after the small ones. */
static size_t class_of(size_t bytes)
{
    size_t class_number = LLS_POOL_CLASSES;
    if (bytes <= LLS_POOL_MOST)
        return bytes > 0 ? (bytes - 1) / LLS_POOL_STEP : 0;
    while (bytes > (size_t)LLS_POOL_MOST << (class_number - LLS_POOL_CLASSES + 1))
        class_number++;
    return class_number;
}

/* Not cleared: pages that are not used yet cost nothing. */
static slab_head *new_slab(lls_pool *pool, size_t bytes)
{
    slab_head *slab = lls_allocate(pool->context, sizeof *slab + bytes);
    if (slab != NULL) {
        slab->block.next = pool->slabs;
        pool->slabs = &slab->block;
    }
    return slab;
}

static bool add_slab(lls_pool *pool, size_t class_number)
{
    size_t size = (class_number + 1) * LLS_POOL_STEP;
    uint32_t made = pool->made[class_number];
    uint32_t count = made < FIRST_BLOCKS ? FIRST_BLOCKS : made < FEW_BLOCKS ? made : made / 8;
    if (made >= FEW_BLOCKS && count < FEW_BLOCKS)
        count = FEW_BLOCKS;
    if (count > MOST_SLAB / size)
        count = (uint32_t)(MOST_SLAB / size);
    slab_head *slab = new_slab(pool, count * size);
    if (slab == NULL)
        return false;
    pool->made[class_number] += count;
    pool->uncut[class_number] = count;
    pool->cut_from[class_number] = (char *)(slab + 1);
    return true;
}

static void *cut(lls_pool *pool, size_t class_number)
{
    if (class_number >= LLS_POOL_CLASSES) {
        slab_head *slab =
            new_slab(pool, (size_t)LLS_POOL_MOST << (class_number - LLS_POOL_CLASSES + 1));
        return slab != NULL ? slab + 1 : NULL;
    }
    if (pool->uncut[class_number] == 0 && !add_slab(pool, class_number))
        return NULL;
    void *block = pool->cut_from[class_number];
    pool->uncut[class_number]--;
    pool->cut_from[class_number] += (class_number + 1) * LLS_POOL_STEP;
    return block;
}

void *lls_pool_allocate(lls_pool *pool, size_t bytes)
{
    if (bytes > LLS_POOL_LARGEST)
        return lls_allocate(pool->context, bytes);
    size_t class_number = class_of(bytes);
    struct lls_pool_block *block = pool->free[class_number];
    if (block == NULL)
        return cut(pool, class_number);
    pool->free[class_number] = block->next;
    return block;
}

void *lls_pool_take(lls_pool *pool, size_t bytes)
{
    void *block = lls_pool_allocate(pool, bytes);
    return block != NULL ? memset(block, 0, bytes) : NULL;
}

void lls_pool_give(lls_pool *pool, void *ptr, size_t bytes)
{
    struct lls_pool_block *block = ptr;
    if (block == NULL)
        return;
    if (bytes > LLS_POOL_LARGEST) {
        lls_free(pool->context, block);
        return;
    }
    block->next = pool->free[class_of(bytes)];
    pool->free[class_of(bytes)] = block;
}
