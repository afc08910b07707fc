/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fair shares of tenants: the bound of docs/algorithms.md section 7 over
 * random workloads, and what follows from it. LLMSCHED_SEED sets the seed.
 */
#include "context.h"

#include "base/internal.h"
#include "llmsched/scheduler.h"

#include <math.h>
#include <stdlib.h>

enum { TENANTS = 4, EXECUTORS = 4, PLACES = 4, JOBS = 60, MOST_RUNNING = EXECUTORS * PLACES };

struct task {
    bool runs;
    uint32_t tenant, executor, stage;
    uint64_t job;
    double work, done;
};

/* A cluster whose engines slow down with their batch, and what tenants have been served. */
struct share_world {
    llmsched_scheduler *scheduler;
    lls_random random;
    double now;
    uint32_t tenants, executors;
    uint32_t capacity[EXECUTORS], running[EXECUTORS], queue_of[EXECUTORS];
    double price[EXECUTORS];
    double weight[TENANTS], served[TENANTS]; /* price times alone-seconds so far */
    double scale[TENANTS];                   /* of its tasks' work */
    double most[TENANTS][EXECUTORS];         /* largest cost of a task, or of an estimate */
    struct task tasks[MOST_RUNNING];
    double bound_scale;
};

static const char *const MODELS[] = {"a", "b"};

static uint64_t seed_of(uint64_t other)
{
    const char *text = getenv("LLMSCHED_SEED");
    return text != NULL ? strtoull(text, NULL, 10) : other;
}

static void post(struct share_world *w, llmsched_event *event)
{
    llmsched_error err = {0};
    event->size = sizeof *event;
    event->time_s = w->now;
    assert_ok(llmsched_scheduler_post(w->scheduler, event, &err), err);
}

static void open_world(struct share_world *w, const char *policy, uint64_t seed)
{
    llmsched_error err = {0};
    llmsched_scheduler_options options = {.size = sizeof options, .policy = policy, .seed = seed};
    *w = (struct share_world){0};
    lls_random_seed(&w->random, seed);
    assert_ok(llmsched_scheduler_create(context, &options, &w->scheduler, &err), err);
}

static const double BATCH[] = {1, 4}, SLOWDOWN[] = {1, 2};

static double slowdown(uint32_t running)
{
    return running <= 1 ? 1 : 1 + (running - 1) / 3.0;
}

static void add_executor(struct share_world *w, uint32_t model, uint32_t capacity, double price)
{
    uint32_t e = w->executors++;
    w->capacity[e] = capacity;
    w->price[e] = price;
    w->queue_of[e] = model;
    llmsched_executor info = {.size = sizeof info,
                              .kind = LLMSCHED_STAGE_LLM,
                              .model = MODELS[model],
                              .capacity = capacity,
                              .curve_count = 2,
                              .curve_batch = BATCH,
                              .curve_slowdown = SLOWDOWN,
                              .price = price};
    post(w, &(llmsched_event){
                .type = LLMSCHED_EVENT_EXECUTOR_UP, .executor = e, .executor_info = &info});
}

static void add_job(struct share_world *w, uint64_t id, uint32_t tenant)
{
    llmsched_job info = {.size = sizeof info, .tenant = tenant, .weight = w->weight[tenant]};
    post(w, &(llmsched_event){.type = LLMSCHED_EVENT_JOB_ARRIVED, .job = id, .job_info = &info});
}

static void reveal(struct share_world *w, uint64_t job, uint32_t stage, uint32_t model,
                   uint32_t tasks)
{
    llmsched_revealed_stage info = {.size = sizeof info,
                                    .kind = LLMSCHED_STAGE_LLM,
                                    .name = "call",
                                    .model = MODELS[model],
                                    .tasks = tasks};
    post(w, &(llmsched_event){.type = LLMSCHED_EVENT_STAGE_REVEALED,
                              .job = job,
                              .stage = stage,
                              .stage_info = &info});
}

/* Takes every decision; a task's work is drawn when it starts, so nobody can know it. */
static uint32_t start_all(struct share_world *w, uint64_t first_of_tenant[TENANTS + 1])
{
    llmsched_error err = {0};
    llmsched_decision d = {.size = sizeof d};
    uint32_t started = 0;
    while (llmsched_scheduler_next(w->scheduler, w->now, &d, &err) == LLMSCHED_OK) {
        uint32_t i = 0, tenant = 0;
        while (w->tasks[i].runs)
            i++;
        while (d.job >= first_of_tenant[tenant + 1])
            tenant++;
        w->tasks[i] =
            (struct task){.runs = true,
                          .tenant = tenant,
                          .executor = (uint32_t)d.executor,
                          .stage = d.stage,
                          .job = d.job,
                          .work = w->scale[tenant] * (0.1 + lls_random_uniform(&w->random))};
        w->running[d.executor]++;
        started++;
        assert_in_range(w->running[d.executor], 1, w->capacity[d.executor]);
    }
    return started;
}

/* Serves until the next task ends, and says so; false: nothing runs. */
static bool serve(struct share_world *w, uint32_t *ended_tenant)
{
    struct task *first = NULL;
    double step = INFINITY;
    for (uint32_t i = 0; i < MOST_RUNNING; i++) {
        struct task *t = &w->tasks[i];
        double left = (t->work - t->done) * slowdown(w->running[t->executor]);
        if (t->runs && left < step) {
            step = left;
            first = t;
        }
    }
    if (first == NULL)
        return false;
    w->now += step;
    for (uint32_t i = 0; i < MOST_RUNNING; i++) {
        struct task *t = &w->tasks[i];
        double done = t == first ? t->work - t->done : step / slowdown(w->running[t->executor]);
        t->done += t->runs ? done : 0;
        w->served[t->tenant] += t->runs ? w->price[t->executor] * done : 0;
    }
    first->runs = false;
    w->running[first->executor]--;
    *ended_tenant = first->tenant;
    post(w, &(llmsched_event){.type = LLMSCHED_EVENT_TASK_FINISHED,
                              .job = first->job,
                              .stage = first->stage,
                              .flags = LLMSCHED_EVENT_HAS_ALONE,
                              .alone_s = first->work});
    return true;
}

/* L of section 7: over all places the largest cost of one of its tasks, or of an estimate, which is
 * a mean of works beside one second. */
static double largest(const struct share_world *w, uint32_t tenant)
{
    double sum = 0, work = 1;
    for (uint32_t t = 0; t < w->tenants; t++)
        work = fmax(work, 1.1 * w->scale[t]);
    for (uint32_t e = 0; e < w->executors; e++)
        sum += w->capacity[e] * w->price[e] * work;
    return sum / w->weight[tenant];
}

/* Work that never ends of every tenant in every queue: at any time, and over any interval, their
 * normalised services differ by no more than the bound. Returns the largest share of it reached. */
static double check_bound(uint64_t seed, const char *policy)
{
    struct share_world w;
    uint64_t first[TENANTS + 1];
    double worst = 0, low[TENANTS][TENANTS] = {{0}}, high[TENANTS][TENANTS] = {{0}};
    open_world(&w, policy, seed);
    w.tenants = 2 + lls_random_below(&w.random, TENANTS - 1);
    uint32_t models = 1 + lls_random_below(&w.random, 2);
    for (uint32_t e = 0; e < EXECUTORS; e++)
        add_executor(&w, e % models, 1 + lls_random_below(&w.random, PLACES),
                     exp(2 * lls_random_uniform(&w.random) - 1));
    for (uint32_t t = 0; t < w.tenants; t++) {
        w.weight[t] = exp(2 * lls_random_uniform(&w.random) - 1);
        w.scale[t] = exp(3 * lls_random_uniform(&w.random) - 1.5);
    }
    for (uint32_t t = 0; t <= TENANTS; t++)
        first[t] = t < w.tenants ? (uint64_t)t * 100000 : UINT64_MAX;
    for (uint32_t t = 0; t < w.tenants; t++) {
        for (uint32_t j = 0; j < JOBS; j++) {
            add_job(&w, first[t] + j, t);
            for (uint32_t q = 0; q < models; q++)
                for (uint32_t k = 0; k < 12; k++)
                    reveal(&w, first[t] + j, q * 12 + k, q, 1);
        }
    }
    /* A tenth of the work: nobody runs out. */
    for (uint32_t round = 0, ended = 0; round < JOBS * 12 * w.tenants / 10; round++) {
        start_all(&w, first);
        assert_true(serve(&w, &ended));
        for (uint32_t a = 0; a < w.tenants; a++) {
            for (uint32_t b = 0; b < a; b++) {
                double apart = w.served[a] / w.weight[a] - w.served[b] / w.weight[b];
                double bound = largest(&w, a) + largest(&w, b);
                low[a][b] = fmin(low[a][b], apart);
                high[a][b] = fmax(high[a][b], apart);
                assert_true(fabs(apart) <= bound);
                assert_true(high[a][b] - low[a][b] <= 2 * bound);
                worst = fmax(worst, fabs(apart) / bound);
            }
        }
    }
    llmsched_scheduler_destroy(w.scheduler);
    return worst;
}

static void test_bound(void **state)
{
    (void)state;
    static const char *const policies[] = {"fair-share/fcfs", "fair-share/llmsched:epsilon=0.5",
                                           "fair-share/fair", "fair-share/plas"};
    double worst = 0;
    for (uint64_t i = 0; i < 60; i++) {
        uint64_t seed = seed_of(500) + i;
        print_message("seed %llu, %s\n", (unsigned long long)seed, policies[i % 4]);
        worst = fmax(worst, check_bound(seed, policies[i % 4]));
    }
    print_message("largest share of the bound reached: %.3f\n", worst);
    assert_true(worst > 0.05); /* a bound that nothing comes near would test nothing */
}

/* --- what follows ---------------------------------------------------------------------- */

/* One tenant's jobs are chains of single tasks, the other's workflows of eight at once. */
static void splitting(const char *policy, double served[2])
{
    struct share_world w;
    uint64_t first[TENANTS + 1] = {0, 100000, UINT64_MAX, UINT64_MAX, UINT64_MAX};
    uint32_t stages[2 * JOBS] = {0}, ended = 0;
    open_world(&w, policy, 9);
    w.tenants = 2;
    add_executor(&w, 0, 4, 1);
    for (uint32_t t = 0; t < 2; t++) {
        w.weight[t] = w.scale[t] = 1;
        for (uint32_t j = 0; j < 8; j++) {
            add_job(&w, first[t] + j, t);
            for (uint32_t k = 0; k < (t == 0 ? 1u : 8u); k++)
                reveal(&w, first[t] + j, stages[t * JOBS + j]++, 0, 1);
        }
    }
    for (uint32_t round = 0; round < 400; round++) {
        start_all(&w, first);
        assert_true(serve(&w, &ended));
        /* Whoever ended a task goes on with another, so that both always have some to do. */
        uint64_t job = first[ended] + round % 8;
        reveal(&w, job, stages[ended * JOBS + round % 8]++, 0, 1);
    }
    served[0] = w.served[0];
    served[1] = w.served[1];
    llmsched_scheduler_destroy(w.scheduler);
}

static void test_splitting_gains_nothing(void **state)
{
    (void)state;
    double shared[2], plain[2];
    splitting("fair-share/fcfs", shared);
    splitting("argus", plain);
    print_message("fair-share %.1f beside %.1f, argus %.1f beside %.1f\n", shared[0], shared[1],
                  plain[0], plain[1]);
    assert_true(fabs(shared[0] - shared[1]) <= 2 * 4 * 1.1);
    /* Without shares the order decides: the test can tell. */
    assert_true(fabs(plain[0] - plain[1]) > 2 * 4 * 1.1);
}

/* One tenant has a long call on an expensive engine. The other's calls to the cheap one start at
 * once, and when both want that, the one that has cost less goes first. */
static void test_cheap_jobs_are_not_held_up(void **state)
{
    (void)state;
    struct share_world w;
    uint64_t first[TENANTS + 1] = {0, 100000, UINT64_MAX, UINT64_MAX, UINT64_MAX};
    uint32_t ended = 1, stage = 0;
    open_world(&w, "fair-share/fcfs", 1);
    w.tenants = 2;
    w.weight[0] = w.weight[1] = 1;
    w.scale[0] = 100;
    w.scale[1] = 0.1;
    add_executor(&w, 0, 1, 10);
    add_executor(&w, 1, 1, 1);
    add_job(&w, 0, 0);
    add_job(&w, 100000, 1);
    reveal(&w, 0, 0, 0, 1);
    while (ended == 1) {
        reveal(&w, 100000, stage++, 1, 1);
        assert_int_equal(start_all(&w, first), stage == 1 ? 2 : 1);
        assert_true(serve(&w, &ended));
    }
    /* Both wait for the cheap engine now, the expensive tenant's job being the first. */
    assert_true(stage > 50 && w.served[0] > 100 && w.served[1] < w.served[0] / 5);
    reveal(&w, 0, 1, 1, 1);
    for (uint32_t k = 0; k < 50; k++) {
        assert_true(serve(&w, &ended));
        assert_int_equal(ended, 1);
        reveal(&w, 100000, stage++, 1, 1);
        assert_int_equal(start_all(&w, first), 1);
    }
    llmsched_scheduler_destroy(w.scheduler);
}

/* Who comes later begins level with the one there is: idling has saved nothing. */
static void test_idling_saves_nothing(void **state)
{
    (void)state;
    struct share_world w;
    uint64_t first[TENANTS + 1] = {0, 100000, UINT64_MAX, UINT64_MAX, UINT64_MAX};
    uint32_t ended = 0;
    open_world(&w, "fair-share/fcfs", 2);
    w.tenants = 2;
    w.weight[0] = w.weight[1] = w.scale[0] = w.scale[1] = 1;
    add_executor(&w, 0, 2, 1);
    add_job(&w, 0, 0);
    for (uint32_t k = 0; k < 300; k++)
        reveal(&w, 0, k, 0, 1);
    for (uint32_t k = 0; k < 100; k++) {
        start_all(&w, first);
        assert_true(serve(&w, &ended));
    }
    double before = w.served[0];
    add_job(&w, 100000, 1);
    for (uint32_t k = 0; k < 300; k++)
        reveal(&w, 100000, k, 0, 1);
    for (uint32_t k = 0; k < 200; k++) {
        start_all(&w, first);
        assert_true(serve(&w, &ended));
        assert_true(fabs(w.served[0] - before - w.served[1]) <= 2 * 2 * 1.1);
    }
    llmsched_scheduler_destroy(w.scheduler);
}

/* What is charged at a start and settled at the end, as the caller reads it. */
static void test_accounts(void **state)
{
    (void)state;
    struct share_world w;
    uint64_t first[TENANTS + 1] = {0, 100000, UINT64_MAX, UINT64_MAX, UINT64_MAX};
    llmsched_tenant_view account = {.size = sizeof account, .tag_s = -1};
    llmsched_error err = {0};
    uint32_t ended = 0;
    open_world(&w, "fcfs", 3);
    w.tenants = 2;
    w.weight[0] = 2;
    w.weight[1] = w.scale[0] = w.scale[1] = 1;
    add_executor(&w, 0, 1, 3);
    assert_status(LLMSCHED_NONE, llmsched_scheduler_get_tenant(w.scheduler, 0, &account, &err),
                  err);
    assert_double_equal(account.tag_s, -1, 0);
    add_job(&w, 0, 0);
    reveal(&w, 0, 0, 0, 2);
    assert_int_equal(start_all(&w, first), 1);
    assert_ok(llmsched_scheduler_get_tenant(w.scheduler, 0, &account, &err), err);
    assert_true(account.jobs == 1 && account.ready == 1 && account.running == 1);
    assert_double_equal(account.tag_s, 3.0 / 2, 1e-12);
    assert_true(serve(&w, &ended));
    assert_ok(llmsched_scheduler_get_tenant(w.scheduler, 0, &account, &err), err);
    assert_double_equal(account.service_s, w.served[0], 1e-9);
    assert_double_equal(account.tag_s, w.served[0] / 2, 1e-9);
    assert_status(LLMSCHED_ERROR_INVALID, llmsched_scheduler_get_tenant(NULL, 0, &account, &err),
                  err);
    assert_status(LLMSCHED_ERROR_INVALID, llmsched_scheduler_get_tenant(w.scheduler, 0, NULL, &err),
                  err);
    account.size = 1;
    assert_status(LLMSCHED_ERROR_VERSION,
                  llmsched_scheduler_get_tenant(w.scheduler, 0, &account, &err), err);
    llmsched_scheduler_destroy(w.scheduler);
}

static void test_specifications(void **state)
{
    (void)state;
    static const char *const good[] = {"fair-share", "fair-share/gittins:alpha=0.1,predictor=tree",
                                       "fair-share/plas:beta=2"};
    static const struct {
        const char *policy;
        llmsched_status status;
    } bad[] = {{"fair-share/", LLMSCHED_ERROR_NOT_FOUND},
               {"fair-share/none", LLMSCHED_ERROR_NOT_FOUND},
               {"fair-share/fair-share/fcfs", LLMSCHED_ERROR_INVALID},
               {"fair-share:policy=fcfs", LLMSCHED_ERROR_INVALID},
               {"fair-share/gittins:beta=1", LLMSCHED_ERROR_INVALID},
               {"plas:scope=program", LLMSCHED_ERROR_INVALID},
               {"atlas:scope=engine", LLMSCHED_ERROR_INVALID},
               {"fcfs/fcfs", LLMSCHED_ERROR_INVALID}};
    llmsched_error err = {0};
    for (uint32_t i = 0; i < LLS_COUNT(good) + LLS_COUNT(bad); i++) {
        bool fine = i < LLS_COUNT(good);
        uint32_t b = fine ? 0 : i - (uint32_t)LLS_COUNT(good);
        llmsched_scheduler *s = NULL;
        llmsched_scheduler_options options = {.size = sizeof options,
                                              .policy = fine ? good[i] : bad[b].policy};
        assert_status(fine ? LLMSCHED_OK : bad[b].status,
                      llmsched_scheduler_create(context, &options, &s, &err), err);
        llmsched_scheduler_destroy(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_splitting_gains_nothing),
        cmocka_unit_test(test_cheap_jobs_are_not_held_up),
        cmocka_unit_test(test_idling_saves_nothing),
        cmocka_unit_test(test_accounts),
        cmocka_unit_test(test_specifications),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
