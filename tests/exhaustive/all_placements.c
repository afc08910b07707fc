/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small placement problems of every sort, and the best plan of all choices of items: the search
 * finds the same objective, total share and number of GPUs, and says that it has proved it.
 */
#include "context.h"
#include "place_twin.h"

enum { CASES = 900, MOST_CHOICES = 100000 };

static void report(const place_world *w, const place_best *best, const lls_solution *s)
{
    print_error("seed %llu: %u models, %u x %u GPUs: %.12g %.6g %u, not %.12g %.6g %u: %s\n",
                (unsigned long long)w->seed, w->models, w->domains, w->domain_gpus, best->objective,
                best->share, best->touched, s->objective, s->total_share, s->touched_gpus,
                s->reason);
}

/* Whether the case was one that the twin could decide. */
static bool check_case(uint64_t seed, uint32_t *infeasible)
{
    place_world w = place_small_world(seed);
    place_case c;
    bool counts = place_case_make(&c, context, &w) && place_choices(&c.problem) <= MOST_CHOICES;
    if (counts) {
        place_best best = place_enumerate(&c.problem);
        lls_solve_options options = {.node_budget = 20000000};
        lls_solution s = {0};
        llmsched_error err = {0};
        llmsched_status status = lls_solve(&c.problem, &options, &s, &err);
        counts = best.decided;
        *infeasible += counts && !best.found;
        if (counts && best.found) {
            assert_status(LLMSCHED_OK, status, err);
            if (fabs(s.objective - best.objective) > 2e-9 * best.objective ||
                fabs(s.total_share - best.share) > 1e-8 || s.touched_gpus != best.touched ||
                !s.proved) {
                report(&w, &best, &s);
                fail();
            }
            assert_true(s.alone_bound <= best.objective * (1.0 + 1e-9));
            assert_true(s.capacity_bound <= best.objective * (1.0 + 1e-9));
            place_check(&c.problem, &s);
        } else if (counts) {
            assert_status(LLMSCHED_NONE, status, err);
        }
        lls_solution_finish(context, &s);
    }
    place_case_free(&c);
    return counts;
}

static void test_all_choices(void **state)
{
    (void)state;
    uint32_t decided = 0, infeasible = 0;
    for (uint64_t seed = 1; seed <= CASES; seed++)
        decided += check_case(seed, &infeasible);
    print_message("%u cases, %u of them without a plan\n", decided, infeasible);
    assert_true(decided - infeasible >= 200);
    assert_true(infeasible >= 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_choices)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
