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

/* All parts of the search stop at the node budget, but for what each has begun. */
static void test_budget(void **state)
{
    (void)state;
    place_world w = world_of(5, 40, 32);
    place_case c;
    assert_true(place_case_make(&c, context, &w));
    for (uint64_t budget = 200000; budget <= 800000; budget *= 2) {
        lls_solution s = solve(&c.problem, budget);
        assert_false(s.proved);
        assert_true(s.nodes >= budget * 9 / 10 && s.nodes <= budget + 50000);
        place_check(&c.problem, &s);
        lls_solution_finish(context, &s);
    }
    place_case_free(&c);
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

static llmsched_status status_of(const lls_place_problem *problem)
{
    lls_solve_options options = {.node_budget = 1000000};
    lls_solution s = {0};
    llmsched_error err = {0};
    llmsched_status status = lls_solve(problem, &options, &s, &err);
    lls_solution_finish(context, &s);
    return status;
}

static void test_latency_limits(void **state)
{
    (void)state;
    place_world w = world_of(4, 3, 1);
    place_case c;
    assert_true(place_case_make(&c, context, &w));
    assert_int_equal(status_of(&c.problem), LLMSCHED_OK);
    for (uint32_t a = 0; a < c.problem.app_count; a++)
        c.apps[a].max_latency = 1e-6;
    lls_solve_options options = {.node_budget = 100000};
    lls_solution s = {0};
    llmsched_error err = {0};
    assert_status(LLMSCHED_NONE, lls_solve(&c.problem, &options, &s, &err), err);
    assert_true(s.proved);
    assert_null(s.placement.choice);
    assert_int_equal(s.binding, LLMSCHED_BINDING_LATENCY);
    assert_string_equal(s.lift, "higher latency limits");
    for (uint32_t a = 0; a < c.problem.app_count; a++)
        c.apps[a].max_latency = 0.0;
    assert_int_equal(status_of(&c.problem), LLMSCHED_OK);
    place_case_free(&c);
}

/* With so many more GPUs like the first, in a domain of their own. */
static llmsched_status status_with(const lls_place_problem *problem, uint32_t more)
{
    lls_place_problem larger = *problem;
    lls_gpu *gpus = calloc(problem->gpu_count + more, sizeof *gpus);
    memcpy(gpus, problem->gpus, problem->gpu_count * sizeof *gpus);
    for (uint32_t i = 0; i < more; i++) {
        gpus[problem->gpu_count + i] = problem->gpus[0];
        gpus[problem->gpu_count + i].domain = problem->domain_count;
        gpus[problem->gpu_count + i].position = i;
    }
    larger.gpus = gpus;
    larger.gpu_count += more;
    larger.domain_count++;
    llmsched_status status = status_of(&larger);
    free(gpus);
    return status;
}

/* Fewer GPUs, until nothing fits: then what the lift says is enough, and one less is not. */
static void test_lift(void **state)
{
    (void)state;
    uint32_t several = 0;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        place_world w = world_of(seed, 2 + (uint32_t)seed % 4, 1);
        place_case c;
        assert_true(place_case_make(&c, context, &w));
        while (status_of(&c.problem) == LLMSCHED_OK)
            c.problem.gpu_count--;
        for (uint32_t cut = 0; c.problem.gpu_count > 0 && cut < 3; cut++) {
            lls_solution s = solve(&c.problem, 1000000);
            unsigned more = 0;
            assert_true(s.touched_gpus == 0 && s.proved);
            assert_int_equal(sscanf(s.lift, "%u more GPUs", &more), 1);
            if (status_with(&c.problem, more) != LLMSCHED_OK ||
                status_with(&c.problem, more - 1) != LLMSCHED_NONE) {
                print_error("seed %u, %u GPUs: %s\n", (unsigned)seed, (unsigned)c.problem.gpu_count,
                            s.lift);
                fail();
            }
            several += more > 1;
            c.problem.gpu_count--;
        }
        place_case_free(&c);
    }
    print_message("%u lifts of several GPUs\n", several);
    assert_true(several >= 5);
}

/* --- what binds ---------------------------------------------------------------------------------
 */

enum { PLANTED_GPUS = 6, PLANTED_MODELS = 3 };

/* Each model has a fast item and a slow one that takes less. */
typedef struct planted {
    uint32_t models, domains, domain_gpus, fast_tp;
    double fast_share, fast_memory, fast_bandwidth;
} planted;

static uint32_t binding_of(const planted *p, double objective)
{
    lls_gpu gpus[PLANTED_GPUS];
    lls_item items[PLANTED_MODELS][2];
    lls_menu menus[PLANTED_MODELS];
    lls_place_term terms[PLANTED_MODELS];
    lls_place_app app = {.terms = terms, .term_count = p->models, .weight = 1.0};
    for (uint32_t g = 0; g < p->domains * p->domain_gpus; g++)
        gpus[g] =
            (lls_gpu){.domain = g / p->domain_gpus, .position = g % p->domain_gpus, .memory = 80e9};
    for (uint32_t m = 0; m < p->models; m++) {
        lls_item item = {.share = 0.2, .memory = 20e9, .bandwidth = 0.2, .capacity = 1.0};
        item.replicas = item.tp = item.batch = 1;
        items[m][0] = items[m][1] = item;
        items[m][0].latency = 1.0;
        items[m][0].tp = p->fast_tp;
        items[m][0].share = p->fast_share;
        items[m][0].memory = p->fast_memory;
        items[m][0].bandwidth = p->fast_bandwidth;
        items[m][1].latency = 2.0;
        items[m][1].config = 1;
        menus[m] = (lls_menu){.items = items[m], .count = 2, .model = m};
        terms[m] = (lls_place_term){.menu = m, .factor = 1.0};
    }
    lls_place_problem problem = {.context = context,
                                 .gpus = gpus,
                                 .gpu_count = p->domains * p->domain_gpus,
                                 .kind_count = 1,
                                 .domain_count = p->domains,
                                 .menus = menus,
                                 .menu_count = p->models,
                                 .apps = &app,
                                 .app_count = 1};
    lls_solution s = solve(&problem, 100000);
    assert_true(s.proved);
    assert_double_equal(s.objective, objective, 1e-12);
    place_check(&problem, &s);
    lls_solution_finish(context, &s);
    return s.binding;
}

static void test_bindings(void **state)
{
    (void)state;
    /* Two fast items on a GPU, of which one resource is too short. */
    const planted none = {2, 1, 1, 1, 0.5, 40e9, 0.5}, share = {2, 1, 1, 1, 0.6, 40e9, 0.5},
                  memory = {2, 1, 1, 1, 0.5, 50e9, 0.5}, bandwidth = {2, 1, 1, 1, 0.5, 40e9, 0.6};
    assert_int_equal(binding_of(&none, 2.0), LLMSCHED_BINDING_NONE);
    assert_int_equal(binding_of(&share, 3.0), LLMSCHED_BINDING_SHARE);
    assert_int_equal(binding_of(&memory, 3.0), LLMSCHED_BINDING_MEMORY);
    assert_int_equal(binding_of(&bandwidth, 3.0), LLMSCHED_BINDING_BANDWIDTH);
    /* Three pairs need six GPUs; of two domains of three GPUs only two pairs can be had. */
    const planted domain = {3, 2, 3, 2, 1.0, 40e9, 0.5}, pairs = {3, 3, 2, 2, 1.0, 40e9, 0.5};
    assert_int_equal(binding_of(&domain, 4.0), LLMSCHED_BINDING_DOMAIN);
    assert_int_equal(binding_of(&pairs, 3.0), LLMSCHED_BINDING_NONE);
}

/* --- failing allocations ------------------------------------------------------------------------
 */

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
        cmocka_unit_test(test_gap),
        cmocka_unit_test(test_budget),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_replan),
        cmocka_unit_test(test_latency_limits),
        cmocka_unit_test(test_lift),
        cmocka_unit_test(test_bindings),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
