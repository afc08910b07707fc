/* SPDX-License-Identifier: Apache-2.0 */
/* Memory, and the two containers beside slow twins: the map beside an array, the heap beside a
 * search through all. */
#include "check.h"

#include "base/internal.h"
#include "failing.h"

#include <string.h>

static struct failing failing;
static llmsched_context *context;

static int set_up(void **state)
{
    (void)state;
    failing = (struct failing){0};
    llmsched_allocator allocator = failing_allocator(&failing);
    llmsched_context_options options = {.size = sizeof options, .allocator = &allocator};
    return llmsched_context_create(&options, &context, NULL);
}

/* A leak fails the test that made it. */
static int tear_down(void **state)
{
    (void)state;
    llmsched_context_destroy(context);
    return failing.live == 0 ? 0 : -1;
}

static void fail_from(uint64_t n)
{
    failing.calls = 0;
    failing.fail_at = n;
}

/* --- memory ---------------------------------------------------------------- */

static void calloc_clears_and_checks(void **state)
{
    (void)state;
    unsigned char *p = lls_calloc(context, 5, 7);
    for (int i = 0; i < 35; i++)
        assert_int_equal(p[i], 0);
    lls_free(context, p);
    p = lls_calloc(context, 0, 8);
    assert_non_null(p);
    lls_free(context, p);
    uint64_t calls = failing.calls;
    assert_null(lls_calloc(context, SIZE_MAX / 2, 3));
    assert_null(lls_calloc(context, SIZE_MAX, 1));
    assert_int_equal(failing.calls, calls);
    lls_free(context, NULL);
}

static void grow_keeps_what_is_there(void **state)
{
    (void)state;
    void *items = NULL;
    uint32_t capacity = 0;
    for (uint32_t n = 1; n < 1000; n++) {
        assert_true(lls_grow(context, &items, &capacity, n, sizeof(uint32_t)));
        assert_true(capacity >= n && capacity <= (n < 8 ? 8 : 2 * n));
        ((uint32_t *)items)[n - 1] = n;
    }
    void *before = items;
    uint32_t capacity_before = capacity;
    fail_from(1);
    assert_false(lls_grow(context, &items, &capacity, capacity + 1, sizeof(uint32_t)));
    fail_from(0);
    assert_false(lls_grow(context, &items, &capacity, (size_t)UINT32_MAX + 1, 1));
    assert_false(lls_grow(context, &items, &capacity, UINT32_MAX, SIZE_MAX / 16));
    assert_ptr_equal(items, before);
    assert_int_equal(capacity, capacity_before);
    for (uint32_t n = 1; n < 1000; n++)
        assert_int_equal(((uint32_t *)items)[n - 1], n);
    lls_free(context, items);
}

static void strdup_copies(void **state)
{
    (void)state;
    char *copy = lls_strdup(context, "stage");
    assert_string_equal(copy, "stage");
    lls_free(context, copy);
    fail_from(1);
    assert_null(lls_strdup(context, "stage"));
    fail_from(0);
}

/* --- the map ---------------------------------------------------------------- */

enum { KEYS = 300, LONGEST = 20 };

typedef struct twin {
    char keys[KEYS][LONGEST];
    size_t lengths[KEYS];
    uint32_t values[KEYS]; /* LLS_NONE32: not in the map */
} twin;

/* Distinct keys of 0 .. LONGEST bytes, with zero bytes among them. */
static void make_keys(twin *t, lls_random *random)
{
    for (uint32_t k = 0; k < KEYS; k++) {
        bool fresh = false;
        while (!fresh) {
            t->lengths[k] = lls_random_below(random, LONGEST + 1);
            for (size_t i = 0; i < t->lengths[k]; i++)
                t->keys[k][i] = (char)lls_random_below(random, 3);
            fresh = true;
            for (uint32_t j = 0; j < k; j++)
                if (t->lengths[j] == t->lengths[k] &&
                    memcmp(t->keys[j], t->keys[k], t->lengths[k]) == 0)
                    fresh = false;
        }
        t->values[k] = LLS_NONE32;
    }
}

static uint32_t count_twin(const twin *t)
{
    uint32_t count = 0;
    for (uint32_t k = 0; k < KEYS; k++)
        count += t->values[k] != LLS_NONE32;
    return count;
}

static void compare_all(const lls_map *map, const twin *t)
{
    for (uint32_t k = 0; k < KEYS; k++)
        assert_int_equal(lls_map_get(map, t->keys[k], t->lengths[k]), t->values[k]);
    assert_int_equal(map->count, count_twin(t));
}

static void map_agrees_with_array(void **state)
{
    (void)state;
    static twin t;
    lls_random random;
    lls_random_seed(&random, 1);
    make_keys(&t, &random);
    lls_map map;
    lls_map_init(&map, context);
    for (uint32_t step = 0; step < 30000; step++) {
        uint32_t k = lls_random_below(&random, KEYS);
        /* Phases of growth and of decline. */
        if (lls_random_below(&random, 10) < ((step / 3000) % 2 ? 3u : 7u)) {
            t.values[k] = step;
            assert_true(lls_map_put(&map, t.keys[k], t.lengths[k], step));
        } else {
            assert_int_equal(lls_map_remove(&map, t.keys[k], t.lengths[k]),
                             t.values[k] != LLS_NONE32);
            t.values[k] = LLS_NONE32;
        }
        if (step % 100 == 0)
            compare_all(&map, &t);
    }
    compare_all(&map, &t);
    assert_true(map.capacity <= 1024); /* deleted slots are used again */
    lls_map_finish(&map);
    lls_map_finish(&map);
}

static void map_takes_numbers_and_strings(void **state)
{
    (void)state;
    lls_map map;
    lls_map_init(&map, context);
    assert_int_equal(lls_map_get_u64(&map, 0), LLS_NONE32);
    assert_false(lls_map_remove_u64(&map, 0));
    for (uint32_t i = 0; i < 10000; i++)
        assert_true(lls_map_put_u64(&map, (uint64_t)i << 32 | (i * 7), i));
    for (uint32_t i = 0; i < 10000; i++)
        assert_int_equal(lls_map_get_u64(&map, (uint64_t)i << 32 | (i * 7)), i);
    assert_int_equal(lls_map_get_u64(&map, 1), LLS_NONE32);
    assert_true(lls_map_put_str(&map, "a string of some length", 77));
    assert_true(lls_map_put_str(&map, "", 78));
    assert_int_equal(lls_map_get_str(&map, "a string of some length"), 77);
    assert_int_equal(lls_map_get_str(&map, ""), 78);
    assert_int_equal(lls_map_get_str(&map, "a string of some"), LLS_NONE32);
    assert_true(lls_map_remove_u64(&map, 0));
    assert_int_equal(lls_map_get_u64(&map, 0), LLS_NONE32);
    lls_map_finish(&map);
}

static void map_survives_lack_of_memory(void **state)
{
    (void)state;
    lls_map map;
    lls_map_init(&map, context);
    for (uint32_t i = 0; i < 200; i++) {
        char key[32];
        snprintf(key, sizeof key, "a rather long key %u", (unsigned)i);
        fail_from(1);
        assert_false(lls_map_put_str(&map, key, i));
        assert_int_equal(lls_map_get_str(&map, key), LLS_NONE32);
        assert_int_equal(map.count, i);
        fail_from(2);
        if (!lls_map_put_str(&map, key, i)) {
            fail_from(0);
            assert_true(lls_map_put_str(&map, key, i));
        }
        fail_from(1);
        assert_true(lls_map_put_str(&map, key, i + 1)); /* to replace takes no memory */
    }
    fail_from(0);
    assert_int_equal(lls_map_get_str(&map, "a rather long key 0"), 1);
    assert_int_equal(lls_map_get_str(&map, "a rather long key 199"), 200);
    lls_map_finish(&map);
}

/* --- the heap ------------------------------------------------------------------ */

enum { ITEMS = 200 };

static int by_key(const void *user, uint32_t a, uint32_t b)
{
    const uint32_t *keys = user;
    if (keys[a] != keys[b])
        return keys[a] < keys[b] ? -1 : 1;
    return a < b ? -1 : a > b;
}

static void check_heap(const lls_heap *heap)
{
    for (uint32_t i = 0; i < heap->count; i++) {
        assert_int_equal(heap->positions[heap->items[i]], i);
        if (i > 0)
            assert_true(heap->compare(heap->user, heap->items[(i - 1) / 2], heap->items[i]) < 0);
    }
}

static uint32_t slow_top(const bool *in, const uint32_t *keys)
{
    uint32_t top = LLS_NONE32;
    for (uint32_t i = 0; i < ITEMS; i++)
        if (in[i] && (top == LLS_NONE32 || by_key(keys, i, top) < 0))
            top = i;
    return top;
}

static void heap_agrees_with_search(void **state)
{
    (void)state;
    lls_random random;
    lls_random_seed(&random, 2);
    bool in[ITEMS] = {false};
    uint32_t keys[ITEMS] = {0}, count = 0;
    lls_heap heap;
    lls_heap_init(&heap, context, by_key, keys);
    assert_int_equal(lls_heap_top(&heap), LLS_NONE32);
    for (uint32_t step = 0; step < 20000; step++) {
        uint32_t item = lls_random_below(&random, ITEMS), what = lls_random_below(&random, 4);
        if (what < 2) {
            /* A push of what is in already moves it to its new key. */
            keys[item] = lls_random_below(&random, 50);
            assert_true(lls_heap_push(&heap, item));
            count += !in[item];
            in[item] = true;
        } else if (what == 2) {
            lls_heap_remove(&heap, item);
            count -= in[item];
            in[item] = false;
        } else {
            keys[item] = lls_random_below(&random, 50);
            lls_heap_update(&heap, item);
        }
        assert_int_equal(lls_heap_top(&heap), slow_top(in, keys));
        assert_int_equal(heap.count, count);
        for (uint32_t i = 0; i < ITEMS; i++)
            assert_int_equal(lls_heap_contains(&heap, i), in[i]);
        check_heap(&heap);
    }
    assert_false(lls_heap_contains(&heap, 1000000));
    assert_false(lls_heap_push(&heap, LLS_NONE32));
    lls_heap_finish(&heap);
}

static void heap_reserved_does_not_fail(void **state)
{
    (void)state;
    uint32_t keys[ITEMS];
    for (uint32_t i = 0; i < ITEMS; i++)
        keys[i] = (i * 73) % ITEMS;
    lls_heap heap;
    lls_heap_init(&heap, context, by_key, keys);
    for (uint64_t n = 1; n <= 2; n++) {
        fail_from(n);
        assert_false(lls_heap_push(&heap, 5));
        assert_int_equal(heap.count, 0);
        assert_false(lls_heap_contains(&heap, 5));
    }
    fail_from(0);
    assert_true(lls_heap_reserve(&heap, ITEMS));
    fail_from(1);
    for (uint32_t i = 0; i < ITEMS; i++)
        assert_true(lls_heap_push(&heap, i));
    for (uint32_t i = 0; i < ITEMS; i++) {
        uint32_t top = lls_heap_top(&heap);
        assert_int_equal(keys[top], i);
        lls_heap_remove(&heap, top);
    }
    lls_heap_finish(&heap);
}

/* --- the pool ------------------------------------------------------------------ */

enum { BLOCKS = 300 };

static void pool_gives_room_of_ones_own(void **state)
{
    (void)state;
    unsigned char *blocks[BLOCKS] = {NULL};
    size_t sizes[BLOCKS];
    lls_random random;
    lls_random_seed(&random, 5);
    lls_pool pool;
    lls_pool_init(&pool, context);
    for (uint32_t step = 0; step < 20000; step++) {
        uint32_t i = lls_random_below(&random, BLOCKS);
        for (size_t b = 0; blocks[i] != NULL && b < sizes[i]; b++)
            assert_int_equal(blocks[i][b], i % 251); /* nobody else has written here */
        lls_pool_give(&pool, blocks[i], sizes[i]);
        sizes[i] = lls_random_below(&random, 8) == 0      ? lls_random_below(&random, 5000)
                   : lls_random_below(&random, 1000) == 0 ? LLS_POOL_LARGEST - 8 + step % 16
                                                          : 1 + lls_random_below(&random, 200);
        blocks[i] = lls_pool_take(&pool, sizes[i]);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % sizeof(double), 0);
        for (size_t b = 0; b < sizes[i]; b++)
            assert_int_equal(blocks[i][b], 0);
        memset(blocks[i], (int)(i % 251), sizes[i]);
    }
    for (uint32_t i = 0; i < BLOCKS; i++)
        lls_pool_give(&pool, blocks[i], sizes[i]);
    lls_pool_finish(&pool);
    lls_pool_finish(&pool);
}

static void pool_survives_lack_of_memory(void **state)
{
    (void)state;
    lls_pool pool;
    lls_pool_init(&pool, context);
    for (size_t bytes = 1; bytes <= 16 * (size_t)LLS_POOL_LARGEST; bytes *= 64) {
        fail_from(1);
        assert_null(lls_pool_take(&pool, bytes));
        fail_from(0);
        void *block = lls_pool_take(&pool, bytes);
        assert_non_null(block);
        lls_pool_give(&pool, block, bytes);
        fail_from(1);
        if (bytes <= LLS_POOL_LARGEST) {
            block = lls_pool_take(&pool, bytes); /* what was given back is there */
            assert_non_null(block);
            lls_pool_give(&pool, block, bytes);
        }
        fail_from(0);
    }
    lls_pool_finish(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(calloc_clears_and_checks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(grow_keeps_what_is_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(strdup_copies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(map_agrees_with_array, set_up, tear_down),
        cmocka_unit_test_setup_teardown(map_takes_numbers_and_strings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(map_survives_lack_of_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(heap_agrees_with_search, set_up, tear_down),
        cmocka_unit_test_setup_teardown(heap_reserved_does_not_fail, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pool_gives_room_of_ones_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pool_survives_lack_of_memory, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
