/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A map from byte strings to numbers: open addressing with linear probing. It
 * cannot be walked, so that no order of hashes reaches a result.
 */
#include "base/internal.h"

#include <string.h>

enum { SLOT_EMPTY = 0, SLOT_LIVE };
enum { SMALLEST_CAPACITY = 16, INLINE_KEY = 8 };

/* A key of up to 8 bytes (every number) lies in the slot, a longer one in memory of its own. */
struct lls_map_slot {
    union {
        unsigned char bytes[INLINE_KEY];
        unsigned char *ptr;
    } key;
    uint32_t hash;
    uint32_t length;
    uint32_t value;
    uint32_t state;
};

static uint32_t hash_key(const void *key, size_t length)
{
    /* FNV alone leaves the low bits of short keys poor; a splitmix64 step spreads them. */
    uint64_t state = lls_fnv1a64(key, length, LLS_FNV_OFFSET);
    return (uint32_t)(lls_splitmix64(&state) >> 32);
}

static const unsigned char *slot_key(const struct lls_map_slot *slot)
{
    return slot->length <= INLINE_KEY ? slot->key.bytes : slot->key.ptr;
}

static void free_key(const lls_map *map, struct lls_map_slot *slot)
{
    if (slot->state == SLOT_LIVE && slot->length > INLINE_KEY)
        lls_free(map->context, slot->key.ptr);
}

void lls_map_init(lls_map *map, const llmsched_context *context)
{
    *map = (lls_map){.context = context};
}

void lls_map_finish(lls_map *map)
{
    for (uint32_t i = 0; i < map->capacity; i++)
        free_key(map, &map->slots[i]);
    if (map->slots != NULL)
        lls_free(map->context, map->slots);
    *map = (lls_map){.context = map->context};
}

static struct lls_map_slot *find(const lls_map *map, const void *key, size_t length, uint32_t hash)
{
    if (map->capacity == 0 || length > UINT32_MAX)
        return NULL;
    uint32_t mask = map->capacity - 1;
    /* Ends: at least a quarter of the slots is empty. */
    for (uint32_t i = hash & mask;; i = (i + 1) & mask) {
        struct lls_map_slot *slot = &map->slots[i];
        if (slot->state == SLOT_EMPTY)
            return NULL;
        if (slot->hash == hash && slot->length == length &&
            (length == 0 || memcmp(slot_key(slot), key, length) == 0))
            return slot;
    }
}

/* The first slot on the way of this hash that holds nothing. */
static struct lls_map_slot *find_free(struct lls_map_slot *slots, uint32_t capacity, uint32_t hash)
{
    uint32_t mask = capacity - 1;
    uint32_t i = hash & mask;
    while (slots[i].state == SLOT_LIVE)
        i = (i + 1) & mask;
    return &slots[i];
}

/* Makes room for one more. */
static bool make_room(lls_map *map)
{
    if (map->capacity != 0 && map->count < map->capacity - map->capacity / 4)
        return true;
    uint32_t capacity = SMALLEST_CAPACITY;
    while (capacity / 2 <= map->count) {
        if (capacity > UINT32_MAX / 2)
            return false;
        capacity *= 2;
    }
    struct lls_map_slot *slots = lls_calloc(map->context, capacity, sizeof *slots);
    if (slots == NULL)
        return false;
    for (uint32_t i = 0; i < map->capacity; i++)
        if (map->slots[i].state == SLOT_LIVE)
            *find_free(slots, capacity, map->slots[i].hash) = map->slots[i];
    lls_free(map->context, map->slots);
    map->slots = slots;
    map->capacity = capacity;
    return true;
}

bool lls_map_put(lls_map *map, const void *key, size_t length, uint32_t value)
{
    uint32_t hash = hash_key(key, length);
    struct lls_map_slot *slot = find(map, key, length, hash);
    if (slot != NULL) {
        slot->value = value;
        return true;
    }
    if (length > UINT32_MAX || !make_room(map))
        return false;
    struct lls_map_slot fresh = {
        .hash = hash, .length = (uint32_t)length, .value = value, .state = SLOT_LIVE};
    if (length > INLINE_KEY) {
        fresh.key.ptr = lls_calloc(map->context, length, 1);
        if (fresh.key.ptr == NULL)
            return false;
        memcpy(fresh.key.ptr, key, length);
    } else if (length > 0) {
        memcpy(fresh.key.bytes, key, length);
    }
    *find_free(map->slots, map->capacity, hash) = fresh;
    map->count++;
    return true;
}

uint32_t lls_map_get(const lls_map *map, const void *key, size_t length)
{
    const struct lls_map_slot *slot = find(map, key, length, hash_key(key, length));
    return slot != NULL ? slot->value : LLS_NONE32;
}

/* Moves back what lies behind the hole because its place was taken, so that removing leaves nothing
 * to clean up later. */
static void close_hole(lls_map *map, uint32_t hole)
{
    uint32_t mask = map->capacity - 1;
    for (uint32_t i = (hole + 1) & mask; map->slots[i].state == SLOT_LIVE; i = (i + 1) & mask) {
        uint32_t home = map->slots[i].hash & mask;
        /* It may move unless its home lies after the hole. */
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            map->slots[hole] = map->slots[i];
            hole = i;
        }
    }
    map->slots[hole] = (struct lls_map_slot){.state = SLOT_EMPTY};
}

bool lls_map_remove(lls_map *map, const void *key, size_t length)
{
    struct lls_map_slot *slot = find(map, key, length, hash_key(key, length));
    if (slot == NULL)
        return false;
    free_key(map, slot);
    close_hole(map, (uint32_t)(slot - map->slots));
    map->count--;
    return true;
}

bool lls_map_put_u64(lls_map *map, uint64_t key, uint32_t value)
{
    return lls_map_put(map, &key, sizeof key, value);
}

uint32_t lls_map_get_u64(const lls_map *map, uint64_t key)
{
    return lls_map_get(map, &key, sizeof key);
}

bool lls_map_remove_u64(lls_map *map, uint64_t key)
{
    return lls_map_remove(map, &key, sizeof key);
}

bool lls_map_put_str(lls_map *map, const char *key, uint32_t value)
{
    return lls_map_put(map, key, strlen(key), value);
}

uint32_t lls_map_get_str(const lls_map *map, const char *key)
{
    return lls_map_get(map, key, strlen(key));
}
