/* SPDX-License-Identifier: Apache-2.0 */
/* What grows without moving: pieces, the table of nodes, the ranking and the treap, beside slow
 * twins. */
#include "check.h"

#include "base/internal.h"
#include "failing.h"

#include <stddef.h>
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

/* --- pieces -------------------------------------------------------------------- */

static void pieces_move_nothing(lls_source from)
{
    lls_pieces pieces = {0};
    uint64_t *items[20000];
    for (uint32_t i = 0; i < LLS_COUNT(items); i++) {
        assert_true(lls_pieces_reserve(&pieces, from, i + 1, sizeof **items));
        assert_true(lls_pieces_room(&pieces) > i);
        items[i] = lls_pieces_at(&pieces, i, sizeof **items);
        *items[i] = i;
    }
    for (uint32_t i = 0; i < LLS_COUNT(items); i++) {
        assert_ptr_equal(lls_pieces_at(&pieces, i, sizeof **items), items[i]);
        assert_int_equal(*items[i], i);
    }
    lls_pieces_finish(&pieces, from, sizeof **items);
    assert_int_equal(lls_pieces_room(&pieces), 0);
    lls_pieces_finish(&pieces, from, sizeof **items);
}

static void pieces_grow_in_place(void **state)
{
    (void)state;
    lls_pool pool;
    lls_pool_init(&pool, context);
    pieces_move_nothing((lls_source){context, NULL});
    pieces_move_nothing((lls_source){context, &pool});
    lls_pool_finish(&pool);
}

/* Every allocation on the way fails once; nothing is lost by it. */
static void pieces_survive_lack_of_memory(void **state)
{
    (void)state;
    lls_pieces pieces = {0};
    lls_source from = {context, NULL};
    uint32_t items = 0, failures = 0;
    while (items < 3000) {
        uint32_t room = lls_pieces_room(&pieces);
        for (uint64_t at = 1; lls_pieces_room(&pieces) == room; at++) {
            fail_from(at);
            bool done = lls_pieces_reserve(&pieces, from, room + 1, sizeof items);
            fail_from(0);
            assert_true(done == (lls_pieces_room(&pieces) > room));
            failures += !done;
        }
        for (uint32_t i = 0; i < items; i++)
            assert_int_equal(*(uint32_t *)lls_pieces_at(&pieces, i, sizeof items), i);
        for (; items < lls_pieces_room(&pieces); items++)
            *(uint32_t *)lls_pieces_at(&pieces, items, sizeof items) = items;
    }
    assert_true(failures > pieces.count);
    lls_pieces_finish(&pieces, from, sizeof items);
}

/* --- nodes --------------------------------------------------------------------- */

typedef struct thing {
    lls_node node;
    uint32_t number, place;
    double key;
    bool in;
} thing;

enum { THINGS = 700 };

/* How often the thing is found under its hash. */
static uint32_t times_found(const lls_nodes *nodes, const thing *t, uint64_t hash)
{
    uint32_t found = 0;
    for (lls_node *n = lls_nodes_first(nodes, hash); n != NULL; n = lls_nodes_next(n)) {
        assert_true(n->hash == hash && ((const thing *)(const void *)n)->in);
        found += n == &t->node;
    }
    return found;
}

/* bits: of the hash that differ; few make many collisions. */
static void nodes_beside_an_array(uint32_t bits, uint64_t seed)
{
    static thing things[THINGS];
    lls_random random;
    lls_nodes nodes;
    uint32_t count = 0;
    memset(things, 0, sizeof things);
    lls_random_seed(&random, seed);
    lls_nodes_init(&nodes, (lls_source){context, NULL});
    for (uint32_t step = 0; step < 20000; step++) {
        uint32_t i = lls_random_below(&random, THINGS);
        thing *t = &things[i];
        uint64_t hash = i, mixed = lls_splitmix64(&hash) >> (64 - bits);
        if (!t->in) {
            assert_true(lls_nodes_reserve(&nodes));
            lls_nodes_add(&nodes, &t->node, mixed);
        } else if (lls_random_below(&random, 4) == 0) {
            lls_nodes_remove(&nodes, &t->node);
        } else {
            assert_int_equal(times_found(&nodes, t, mixed), 1);
            continue;
        }
        t->in = !t->in;
        count += t->in ? 1 : UINT32_MAX;
        assert_int_equal(nodes.count, count);
        assert_int_equal(times_found(&nodes, t, mixed), t->in);
    }
    lls_node *left = NULL;
    for (; (left = lls_nodes_any(&nodes)) != NULL; count--) {
        ((thing *)(void *)left)->in = false;
        lls_nodes_remove(&nodes, left);
    }
    assert_int_equal(count, 0);
    assert_true(lls_nodes_reserve(&nodes)); /* it may fill up again */
    lls_nodes_add(&nodes, &things[0].node, 7);
    assert_ptr_equal(lls_nodes_first(&nodes, 7), &things[0].node);
    lls_nodes_finish(&nodes);
}

static void nodes_agree_with_an_array(void **state)
{
    (void)state;
    for (uint32_t bits = 2; bits <= 62; bits += 20)
        nodes_beside_an_array(bits, bits);
}

/* No node that is added moves more than a few. */
static void nodes_grow_one_by_one(void **state)
{
    (void)state;
    static thing things[THINGS];
    lls_nodes nodes;
    lls_nodes_init(&nodes, (lls_source){context, NULL});
    for (uint32_t i = 0; i < THINGS; i++) {
        uint64_t hash = i;
        uint32_t before = nodes.size;
        assert_true(lls_nodes_reserve(&nodes));
        assert_true(nodes.size <= before + 1 && nodes.size > nodes.count);
        lls_nodes_add(&nodes, &things[i].node, lls_splitmix64(&hash));
    }
    lls_nodes_finish(&nodes);
}

static void nodes_survive_lack_of_memory(void **state)
{
    (void)state;
    static thing things[THINGS];
    lls_nodes nodes;
    lls_nodes_init(&nodes, (lls_source){context, NULL});
    uint32_t failures = 0;
    for (uint32_t i = 0; i < THINGS; i++) {
        uint64_t hash = i;
        fail_from(1);
        bool good = lls_nodes_reserve(&nodes);
        fail_from(0);
        failures += !good;
        assert_true(good || lls_nodes_reserve(&nodes));
        lls_nodes_add(&nodes, &things[i].node, lls_splitmix64(&hash));
        for (uint32_t k = 0; k <= i; k += 97)
            assert_ptr_equal(lls_nodes_first(&nodes, things[k].node.hash), &things[k].node);
    }
    assert_true(failures > 5);
    lls_nodes_finish(&nodes);
}

/* --- the ranking ----------------------------------------------------------------- */

static bool by_number(const void *a, const void *b)
{
    return ((const thing *)a)->number < ((const thing *)b)->number;
}

static bool goes_first(const thing *a, const thing *b)
{
    return a->key != b->key ? a->key < b->key : a->number < b->number;
}

static thing *slow_first(thing *things, bool (*wanted)(const void *user, const void *item),
                         const void *user)
{
    thing *first = NULL;
    for (uint32_t i = 0; i < THINGS; i++) {
        if (things[i].in && wanted(user, &things[i]) &&
            (first == NULL || goes_first(&things[i], first)))
            first = &things[i];
    }
    return first;
}

static bool anything(const void *user, const void *item)
{
    LLS_UNUSED(user);
    LLS_UNUSED(item);
    return true;
}

/* Counts how often it is asked. */
typedef struct multiples {
    uint32_t of, asked;
} multiples;

static bool is_multiple(const void *user, const void *item)
{
    multiples *m = (multiples *)(uintptr_t)user;
    m->asked++;
    return ((const thing *)item)->number % m->of == 0;
}

static void check_first_wanted(const lls_ranking *r, thing *things, uint32_t of)
{
    multiples m = {of, 0};
    uint32_t unwanted = 0;
    for (uint32_t i = 0; i < THINGS; i++)
        unwanted += things[i].in && things[i].number % of != 0;
    const thing *slow = slow_first(things, is_multiple, &m);
    m.asked = 0;
    assert_ptr_equal(lls_ranking_first(r, is_multiple, &m), slow);
    assert_true(m.asked <= 4 * unwanted + 1);
}

static void ranking_agrees_with_search(void **state)
{
    (void)state;
    static thing things[THINGS];
    lls_random random;
    lls_ranking r;
    uint32_t count = 0;
    lls_random_seed(&random, 9);
    lls_ranking_init(&r, (lls_source){context, NULL}, by_number, offsetof(thing, place));
    assert_true(lls_ranking_reserve(&r, THINGS));
    fail_from(1); /* what is reserved cannot fail */
    for (uint32_t i = 0; i < THINGS; i++)
        things[i].number = (i * 73) % THINGS;
    for (uint32_t step = 0; step < 30000; step++) {
        thing *t = &things[lls_random_below(&random, THINGS)];
        bool put = lls_random_below(&random, 3) > 0;
        count += put && !t->in;
        count -= !put && t->in;
        t->in = put;
        t->key = lls_random_below(&random, 50) - 20.0;
        if (put)
            lls_ranking_put(&r, t, t->key);
        else
            lls_ranking_remove(&r, t);
        assert_int_equal(lls_ranking_contains(&r, t), put);
        assert_int_equal(r.count, count);
        if (put)
            assert_true(lls_ranking_key(&r, t) == t->key);
        assert_ptr_equal(lls_ranking_at(&r, 0), slow_first(things, anything, NULL));
        if (count > 0)
            assert_true(lls_ranking_least(&r) == ((thing *)lls_ranking_at(&r, 0))->key);
        if (step % 50 == 0)
            check_first_wanted(&r, things, 1 + lls_random_below(&random, 30));
    }
    assert_null(lls_ranking_at(&r, r.count));
    while (r.count > 0) {
        thing *t = lls_ranking_at(&r, 0);
        assert_ptr_equal(t, slow_first(things, anything, NULL));
        t->in = false;
        lls_ranking_remove(&r, t);
    }
    assert_null(lls_ranking_first(&r, anything, NULL));
    fail_from(0);
    lls_ranking_finish(&r);
}

/* --- the treap ------------------------------------------------------------------- */

typedef struct fruit {
    lls_leaf leaf;
    uint32_t number, key;
    uint32_t least; /* number in its subtree */
    uint32_t count;
    bool in;
} fruit;

static fruit *fruit_of(const lls_leaf *leaf)
{
    return (fruit *)(uintptr_t)leaf;
}

static bool by_key_and_number(const lls_leaf *a, const lls_leaf *b)
{
    const fruit *x = fruit_of(a), *y = fruit_of(b);
    return x->key != y->key ? x->key < y->key : x->number < y->number;
}

static void count_fruits(lls_leaf *leaf)
{
    fruit *f = fruit_of(leaf);
    const fruit *below[] = {fruit_of(leaf->left), fruit_of(leaf->right)};
    f->least = f->number;
    f->count = 1;
    for (uint32_t i = 0; i < 2; i++) {
        if (below[i] == NULL)
            continue;
        f->count += below[i]->count;
        f->least = below[i]->least < f->least ? below[i]->least : f->least;
    }
}

/* In order, sums true, priorities a heap; returns the depth. */
static uint32_t check_tree(const lls_leaf *leaf, const fruit **last)
{
    if (leaf == NULL)
        return 0;
    fruit *f = fruit_of(leaf), before = *f;
    uint32_t left = check_tree(leaf->left, last);
    assert_true(f->in && (*last == NULL || by_key_and_number(&(*last)->leaf, leaf)));
    *last = f;
    uint32_t right = check_tree(leaf->right, last);
    count_fruits(&f->leaf);
    assert_true(f->count == before.count && f->least == before.least);
    assert_true(leaf->left == NULL || leaf->left->priority <= leaf->priority);
    assert_true(leaf->right == NULL || leaf->right->priority <= leaf->priority);
    return 1 + (left > right ? left : right);
}

static void treap_keeps_order_and_sums(void **state)
{
    (void)state;
    static fruit fruits[THINGS];
    lls_treap t = {.before = by_key_and_number, .sum_up = count_fruits};
    lls_random random;
    uint32_t count = 0;
    lls_random_seed(&random, 12);
    for (uint32_t i = 0; i < THINGS; i++)
        fruits[i].number = i;
    for (uint32_t step = 0; step < 10000; step++) {
        fruit *f = &fruits[lls_random_below(&random, THINGS)];
        if (f->in) {
            lls_treap_remove(&t, &f->leaf);
        } else {
            f->key = lls_random_below(&random, 40);
            lls_treap_add(&t, &f->leaf, (uint32_t)lls_random_next(&random));
        }
        f->in = !f->in;
        count += f->in ? 1 : UINT32_MAX;
        assert_int_equal(t.root != NULL ? fruit_of(t.root)->count : 0, count);
        const fruit *last = NULL;
        if (step % 20 == 0)
            assert_true(check_tree(t.root, &last) < 40);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pieces_grow_in_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pieces_survive_lack_of_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nodes_agree_with_an_array, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nodes_grow_one_by_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nodes_survive_lack_of_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ranking_agrees_with_search, set_up, tear_down),
        cmocka_unit_test_setup_teardown(treap_keeps_order_and_sums, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
