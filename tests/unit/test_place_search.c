/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The search for placements on problems too large to enumerate: solutions recounted, bounds,
 * determinism, budgets, cancelling, replanning, why there is no plan, failing allocations.
 */
#include "context.h"
#include "place_twin.h"

static place_world world_of(uint64_t seed, uint32_t models, uint32_t domains)
{
    return (place_world){.seed = seed,
                         .models = models,
                         .kinds = 1,
                         .domains = domains,
                         .domain_gpus = 8,
                         .load = 0.4};
}

static lls_solution solve(const lls_place_problem *problem, uint64_t budget)
{
    lls_solve_options options = {.node_budget = budget};
    lls_solution s = {0};
    llmsched_error err = {0};
    llmsched_status status = lls_solve(problem, &options, &s, &err);
    assert_true(status == LLMSCHED_OK || status == LLMSCHED_NONE);
    return s;
}

static void test_gap(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        place_world w = world_of(seed, 8, 4);
        place_case c;
        assert_true(place_case_make(&c, context, &w));
        lls_solution s = solve(&c.problem, 300000), again = solve(&c.problem, 300000);
        place_check(&c.problem, &s);
        assert_true((s.objective - s.bound) / s.bound <= 0.05);
        assert_true(s.alone_bound <= s.capacity_bound && s.capacity_bound <= s.bound * 1.000001);
        assert_true(s.objective == again.objective && s.nodes == again.nodes);
        assert_memory_equal(s.placement.gpus, again.placement.gpus,
                            s.placement.gpu_entries * sizeof(uint32_t));
        lls_solution_finish(context, &s);
        lls_solution_finish(context, &again);
        place_case_free(&c);
    }
}

/* --- cancelling ------------------------------------------------------------------------------ */

typedef struct watcher {
    uint32_t calls, most;
} watcher;

static int32_t watch(void *user, uint64_t nodes, double best, double bound)
{
    watcher *w = user;
    assert_true(nodes > 0 && best >= bound * (1.0 - 1e-9));
    return ++w->calls >= w->most;
}

static void test_cancel(void **state)
{
    (void)state;
    place_world w = world_of(2, 8, 4);
    place_case c;
    assert_true(place_case_make(&c, context, &w));
    watcher once = {.most = 1}, twice = {.most = 2};
    lls_solve_options options = {.node_budget = 1000000, .progress = watch, .progress_user = &once};
    lls_solution s = {0};
    llmsched_error err = {0};
    assert_fails(LLMSCHED_ERROR_CALLBACK, "before there was a plan",
                 lls_solve(&c.problem, &options, &s, &err), err);
    assert_int_equal(once.calls, 1);
    options.progress_user = &twice;
    assert_ok(lls_solve(&c.problem, &options, &s, &err), err);
    assert_int_equal(twice.calls, 2);
    assert_false(s.proved);
    assert_non_null(strstr(s.reason, "stopped"));
    place_check(&c.problem, &s);
    lls_solution_finish(context, &s);
    place_case_free(&c);
}

/* --- replanning --------------------------------------------------------------------------------
 */

/* What a solution places, as what runs. */
static lls_running running_of(const lls_place_problem *p, const lls_solution *s, uint32_t *room)
{
    uint32_t menus = p->menu_count;
    for (uint32_t m = 0; m < menus; m++) {
        const lls_item *item = &p->menus[m].items[s->placement.choice[m]];
        room[m] = item->config;
        room[menus + m] = item->replicas;
        room[2 * menus + m] = item->tp;
    }
    return (lls_running){.configs = room,
                         .replicas = room + menus,
                         .tps = room + 2 * menus,
                         .gpus = s->placement.gpus};
}

static void test_replan(void **state)
{
    (void)state;
    place_world w = world_of(3, 4, 1);
    place_case c;
    uint32_t room[12];
    assert_true(place_case_make(&c, context, &w));
    lls_solution first = solve(&c.problem, 1000000);
    assert_true(first.proved);
    lls_running running = running_of(&c.problem, &first, room);
    c.problem.running = &running;
    lls_solution same = solve(&c.problem, 1000000);
    place_check(&c.problem, &same);
    assert_int_equal(same.moved_replicas, 0);
    assert_double_equal(same.objective, first.objective, 1e-9);
    /* Another weight wants another plan; the dearer a move, the fewer there are. */
    c.problem.apps[0].weight += 5.0;
    uint32_t moves = LLS_NONE32;
    for (uint32_t i = 0; i < 4; i++) {
        c.problem.move_cost = i == 0 ? 0.0 : pow(10.0, i - 2.0);
        lls_solution s = solve(&c.problem, 1000000);
        place_check(&c.problem, &s);
        assert_true(s.moved_replicas <= moves);
        moves = s.moved_replicas;
        lls_solution_finish(context, &s);
    }
    c.problem.move_cost = 1e6;
    lls_solution kept = solve(&c.problem, 1000000);
    assert_int_equal(kept.moved_replicas, 0);
    lls_solution_finish(context, &kept);
    lls_solution_finish(context, &same);
    lls_solution_finish(context, &first);
    place_case_free(&c);
}

/* --- no plan ------------------------------------------------------------------------------------
 */

static void test_no_plan(void **state)
{
    (void)state;
    place_world w = world_of(4, 3, 1);
    place_case c;
    assert_true(place_case_make(&c, context, &w));
    for (uint32_t a = 0; a < c.problem.app_count; a++)
        c.apps[a].max_latency = 1e-6;
    lls_solution s = solve(&c.problem, 100000);
    assert_int_equal(s.binding, LLMSCHED_BINDING_LATENCY);
    assert_string_equal(s.lift, "higher latency limits");
    for (uint32_t a = 0; a < c.problem.app_count; a++)
        c.apps[a].max_latency = 0.0;
    /* Fewer GPUs, until nothing fits: then what the lift says is enough, and one less is not. */
    uint32_t gpus = c.problem.gpu_count;
    do {
        c.problem.gpu_count--;
        s = solve(&c.problem, 100000);
        lls_solution_finish(context, &s);
    } while (s.touched_gpus > 0 && c.problem.gpu_count > 1);
    assert_true(c.problem.gpu_count < gpus && s.touched_gpus == 0);
    unsigned more = 0;
    assert_int_equal(sscanf(s.lift, "%u more GPUs", &more), 1);
    assert_true(more >= 1);
    place_case_free(&c);
}

static llmsched_status solve_small(llmsched_context *c, llmsched_error *err)
{
    place_world w = world_of(1, 2, 1);
    w.most_items = 12;
    place_case small;
    lls_solution s = {0};
    lls_solve_options options = {.node_budget = 20000};
    assert_true(place_case_make(&small, c, &w));
    llmsched_status status = lls_solve(&small.problem, &options, &s, err);
    lls_solution_finish(c, &s);
    place_case_free(&small);
    return status == LLMSCHED_NONE ? LLMSCHED_OK : status;
}

static void test_memory(void **state)
{
    (void)state;
    assert_true(fail_each_allocation(solve_small) > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gap),    cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_replan), cmocka_unit_test(test_no_plan),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
