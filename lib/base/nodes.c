/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash table of things that hold their own links (linear hashing: Litwin 1980). It grows by one
 * bucket at a time, so that nobody who adds to it waits for all that is in it. Apart from taking it
 * down it cannot be walked, so that no order of hashes reaches a result.
 */
#include "base/internal.h"

void lls_nodes_init(lls_nodes *nodes, lls_source from)
{
    *nodes = (lls_nodes){.from = from};
}

void lls_nodes_finish(lls_nodes *nodes)
{
    lls_pieces_finish(&nodes->buckets, nodes->from, sizeof(lls_node *));
    lls_nodes_init(nodes, nodes->from);
}

static lls_node **bucket_at(const lls_nodes *nodes, uint32_t bucket)
{
    return lls_pieces_at(&nodes->buckets, bucket, sizeof(lls_node *));
}

/* The greatest power of two up to size, which is not 0. */
static uint32_t half_of(uint32_t size)
{
    return UINT32_C(1) << (31 - (uint32_t)__builtin_clz(size));
}

static lls_node **bucket_of(const lls_nodes *nodes, uint64_t hash)
{
    uint32_t half = half_of(nodes->size), bucket = (uint32_t)hash & (2 * half - 1);
    return bucket_at(nodes, bucket < nodes->size ? bucket : bucket & (half - 1));
}

/* One more bucket takes its share of another's. */
static void split(lls_nodes *nodes)
{
    uint32_t fresh = nodes->size++;
    lls_node **to = bucket_at(nodes, fresh);
    *to = NULL;
    if (fresh == 0)
        return;
    lls_node **at = bucket_at(nodes, fresh - half_of(fresh));
    while (*at != NULL) {
        lls_node *node = *at;
        if (bucket_of(nodes, node->hash) != to) {
            at = &node->next;
            continue;
        }
        *at = node->next;
        node->next = *to;
        *to = node;
    }
}

bool lls_nodes_reserve(lls_nodes *nodes)
{
    if (nodes->size > nodes->count)
        return true;
    if (nodes->size == UINT32_C(1) << 30 ||
        !lls_pieces_reserve(&nodes->buckets, nodes->from, nodes->size + 1, sizeof(lls_node *)))
        return false;
    split(nodes);
    return true;
}

void lls_nodes_add(lls_nodes *nodes, lls_node *node, uint64_t hash)
{
    lls_node **bucket = bucket_of(nodes, hash);
    node->hash = hash;
    node->next = *bucket;
    *bucket = node;
    nodes->count++;
}

static lls_node *from_here(lls_node *node, uint64_t hash)
{
    while (node != NULL && node->hash != hash)
        node = node->next;
    return node;
}

lls_node *lls_nodes_first(const lls_nodes *nodes, uint64_t hash)
{
    return nodes->count > 0 ? from_here(*bucket_of(nodes, hash), hash) : NULL;
}

lls_node *lls_nodes_next(const lls_node *node)
{
    return from_here(node->next, node->hash);
}

void lls_nodes_remove(lls_nodes *nodes, lls_node *node)
{
    lls_node **at = bucket_of(nodes, node->hash);
    while (*at != node)
        at = &(*at)->next;
    *at = node->next;
    nodes->count--;
}

lls_node *lls_nodes_any(lls_nodes *nodes)
{
    /* The last bucket may go when it is empty. */
    while (nodes->size > 0 && *bucket_at(nodes, nodes->size - 1) == NULL)
        nodes->size--;
    return nodes->size > 0 ? *bucket_at(nodes, nodes->size - 1) : NULL;
}
