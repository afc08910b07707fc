/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A heap of things by their keys. Keys stand in the heap itself, four children side by side, and a
 * thing knows its place, so that it can be moved or taken out of the middle.
 */
#include "base/internal.h"

typedef struct entry {
    double key;
    void *item;
} entry;

enum { CHILDREN = 4 };

void lls_ranking_init(lls_ranking *r, lls_source from, lls_ranking_before before, size_t place)
{
    *r = (lls_ranking){.from = from, .before = before, .place = place};
}

void lls_ranking_finish(lls_ranking *r)
{
    lls_pieces_finish(&r->entries, r->from, sizeof(entry));
    r->count = 0;
}

bool lls_ranking_reserve(lls_ranking *r, uint32_t items)
{
    return lls_pieces_reserve(&r->entries, r->from, items, sizeof(entry));
}

static entry *entry_at(const lls_ranking *r, uint32_t at)
{
    return lls_pieces_at(&r->entries, at, sizeof(entry));
}

/* Where the item stands, from 1; 0: it is not in. */
static uint32_t *place_of(const lls_ranking *r, const void *item)
{
    return (uint32_t *)(void *)((char *)item + r->place);
}

static bool goes_before(const lls_ranking *r, const entry *a, const entry *b)
{
    return a->key != b->key ? a->key < b->key : r->before(a->item, b->item);
}

static void put(lls_ranking *r, uint32_t at, entry e)
{
    *entry_at(r, at) = e;
    *place_of(r, e.item) = at + 1;
}

static uint32_t least_child(const lls_ranking *r, uint32_t at)
{
    uint32_t first = CHILDREN * at + 1, least = first;
    for (uint32_t child = first + 1; child < first + CHILDREN && child < r->count; child++) {
        if (goes_before(r, entry_at(r, child), entry_at(r, least)))
            least = child;
    }
    return least;
}

/* From the hole at `at` to where it belongs. */
static void settle(lls_ranking *r, uint32_t at, entry e)
{
    while (at > 0 && goes_before(r, &e, entry_at(r, (at - 1) / CHILDREN))) {
        put(r, at, *entry_at(r, (at - 1) / CHILDREN));
        at = (at - 1) / CHILDREN;
    }
    while (at < (r->count + CHILDREN - 2) / CHILDREN) {
        uint32_t child = least_child(r, at);
        if (!goes_before(r, entry_at(r, child), &e))
            break;
        put(r, at, *entry_at(r, child));
        at = child;
    }
    put(r, at, e);
}

bool lls_ranking_contains(const lls_ranking *r, const void *item)
{
    return *place_of(r, item) != 0;
}

void lls_ranking_put(lls_ranking *r, void *item, double key)
{
    uint32_t place = *place_of(r, item);
    settle(r, place > 0 ? place - 1 : r->count++, (entry){key, item});
}

void lls_ranking_remove(lls_ranking *r, void *item)
{
    uint32_t place = *place_of(r, item);
    if (place == 0)
        return;
    const entry last = *entry_at(r, --r->count);
    *place_of(r, item) = 0;
    if (last.item != item)
        settle(r, place - 1, last);
}

void *lls_ranking_at(const lls_ranking *r, uint32_t i)
{
    return i < r->count ? entry_at(r, i)->item : NULL;
}

double lls_ranking_least(const lls_ranking *r)
{
    return entry_at(r, 0)->key;
}

double lls_ranking_key(const lls_ranking *r, const void *item)
{
    return entry_at(r, *place_of(r, item) - 1)->key;
}

/* In the subtree at `at`, if it goes before best. */
static const entry *first_below(const lls_ranking *r, uint32_t at, lls_ranking_wanted wanted,
                                const void *user, const entry *best)
{
    if (at >= r->count)
        return best;
    const entry *e = entry_at(r, at);
    if (best != NULL && goes_before(r, best, e))
        return best;
    if (wanted(user, e->item))
        return e;
    for (uint32_t child = 0; child < CHILDREN; child++)
        best = first_below(r, CHILDREN * at + 1 + child, wanted, user, best);
    return best;
}

void *lls_ranking_first(const lls_ranking *r, lls_ranking_wanted wanted, const void *user)
{
    const entry *e = first_below(r, 0, wanted, user, NULL);
    return e != NULL ? e->item : NULL;
}
