/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tenants are served while they compete, beside the bound of docs/algorithms.md section 7.
 *
 * Two tenants compete over an interval if both have ready or running tasks all through it, and
 * whenever a task of one starts the other has a ready task in the same queue. Let D be the
 * difference of what they were served per weight, and d that of their tags. Then for any times s <
 * t of the interval D(t) - D(s) is within |d(s)| of 0 but for the bound, which is twice the sum of
 * their L / w as tasks may run at s. Least D + |d| and greatest D - |d| since the interval's
 * beginning tell the worst s for each t. D moves evenly between events, so events are all that is
 * looked at.
 */
#include <math.h>
#include <stdlib.h>

#include "sim_state.h"
#include "tenants.h"

struct account {
    double weight, served; /* cost of ended tasks */
    double now;            /* of running ones too, when last looked at */
    double contended;
    uint32_t ready, running; /* tasks */
    uint32_t *ready_in;      /* by queue */
    double *most;            /* by executor: largest cost or charge of a task */
    bool competes;
};

struct contest {
    bool on;
    double least, greatest;           /* D */
    double least_owed, greatest_owed; /* D + |d|, D - |d| */
};

struct shares {
    uint32_t tenants, queues;
    struct account *accounts;
    struct contest *contests; /* [a][b], a > b */
    double *ended_s;          /* by queue: alone-seconds of finished tasks, */
    double *ended;            /* and how many */
    double difference, unfairness;
};

static uint32_t queue_of(const struct sim *sim, const struct stage *stage)
{
    const struct world *world = sim->world;
    if (stage->kind == LLMSCHED_STAGE_LLM)
        return world_class(world, stage);
    const struct tool_pool *pool = world_pool(world, stage);
    return world->class_count + (pool != NULL ? (uint32_t)(pool - world->cluster->pools) + 1 : 0);
}

static double price_of(const struct sim *sim, uint32_t executor)
{
    const struct world *world = sim->world;
    double price = sim_is_slot(sim, executor)
                       ? world->tool_price
                       : world->classes[sim->engines[executor].class].executor.price;
    return price > 0.0 ? price : 1.0;
}

static const struct stage *stage_at(const struct sim *sim, uint32_t job, uint32_t stage)
{
    return &sim->workload->jobs[job].body->stages[stage];
}

struct shares *shares_create(const struct sim *sim)
{
    struct shares *shares = allocate(1, sizeof *shares);
    uint32_t n = (uint32_t)sim->workload->tenant_count;
    uint32_t queues = sim->world->class_count + 1 + sim->world->cluster->pool_count;
    *shares = (struct shares){.tenants = n,
                              .queues = queues,
                              .accounts = allocate(n, sizeof *shares->accounts),
                              .contests = allocate((size_t)n * n, sizeof *shares->contests),
                              .ended_s = allocate(queues, sizeof *shares->ended_s),
                              .ended = allocate(queues, sizeof *shares->ended)};
    for (uint32_t t = 0; t < n; t++) {
        struct account *a = &shares->accounts[t];
        a->weight = 1.0;
        a->ready_in = allocate(queues, sizeof *a->ready_in);
        a->most = allocate(world_executors(sim->world), sizeof *a->most);
    }
    return shares;
}

void shares_destroy(struct shares *shares)
{
    if (shares == NULL)
        return;
    for (uint32_t t = 0; t < shares->tenants; t++) {
        free(shares->accounts[t].ready_in);
        free(shares->accounts[t].most);
    }
    free(shares->accounts);
    free(shares->contests);
    free(shares->ended_s);
    free(shares->ended);
    free(shares);
}

/* --- events ------------------------------------------------------------------------- */

static struct account *account_of(const struct sim *sim, uint32_t job)
{
    return &sim->shares->accounts[sim->workload->jobs[job].tenant];
}

static struct contest *contest_of(struct shares *shares, uint32_t a, uint32_t b)
{
    return &shares->contests[a > b ? a * shares->tenants + b : b * shares->tenants + a];
}

/* The tenant's contests with those who have nothing ready in the queue; past the last: with all. */
static void break_off(struct shares *shares, uint32_t tenant, uint32_t queue)
{
    for (uint32_t t = 0; t < shares->tenants; t++)
        if (t != tenant && (queue == shares->queues || shares->accounts[t].ready_in[queue] == 0))
            contest_of(shares, t, tenant)->on = false;
}

void shares_reveal(struct sim *sim, uint32_t job, uint32_t s)
{
    if (sim->shares == NULL)
        return;
    const struct stage *stage = stage_at(sim, job, s);
    double given = sim->workload->jobs[job].weight, weight = given > 0.0 ? given : 1.0;
    struct account *a = account_of(sim, job);
    if (weight != a->weight)
        break_off(sim->shares, sim->workload->jobs[job].tenant, sim->shares->queues);
    a->weight = weight;
    a->ready += stage->tasks;
    a->ready_in[queue_of(sim, stage)] += stage->tasks;
}

static void note_cost(const struct sim *sim, struct account *a, uint32_t executor, double alone_s)
{
    a->most[executor] = fmax(a->most[executor], alone_s * price_of(sim, executor));
}

void shares_start(struct sim *sim, const struct running *task)
{
    struct shares *shares = sim->shares;
    if (shares == NULL)
        return;
    uint32_t queue = queue_of(sim, stage_at(sim, task->job, task->stage));
    struct account *a = account_of(sim, task->job);
    break_off(shares, sim->workload->jobs[task->job].tenant, queue);
    a->ready--;
    a->ready_in[queue]--;
    a->running++;
    /* The charge: what such tasks have cost in the mean, one of a second counted in. */
    note_cost(sim, a, task->executor,
              (1.0 + shares->ended_s[queue]) / (1.0 + shares->ended[queue]));
}

void shares_end(struct sim *sim, const struct running *task, double alone_s, enum sim_end end)
{
    struct shares *shares = sim->shares;
    if (shares == NULL)
        return;
    uint32_t queue = queue_of(sim, stage_at(sim, task->job, task->stage));
    struct account *a = account_of(sim, task->job);
    a->running--;
    a->served += alone_s * price_of(sim, task->executor);
    note_cost(sim, a, task->executor, alone_s);
    if (end == SIM_FINISHED) {
        shares->ended_s[queue] += alone_s;
        shares->ended[queue] += 1.0;
        return;
    }
    a->ready++;
    a->ready_in[queue]++;
}

/* --- looking ------------------------------------------------------------------------- */

static void add_running(struct sim *sim, const struct running_heap *heap, double clock)
{
    for (size_t i = 0; i < heap->count; i++) {
        const struct running *r = &heap->items[i];
        double share = r->end > r->begin ? (clock - r->begin) / (r->end - r->begin) : 1.0;
        account_of(sim, r->job)->now += r->alone_s * share * price_of(sim, r->executor);
    }
}

static void bring_up_to_date(struct sim *sim)
{
    struct shares *shares = sim->shares;
    double before[MOST_TENANTS];
    for (uint32_t t = 0; t < shares->tenants; t++) {
        before[t] = shares->accounts[t].now;
        shares->accounts[t].now = shares->accounts[t].served;
    }
    for (uint32_t e = 0; e < sim->engine_count; e++)
        add_running(sim, &sim->engines[e].requests, engine_clock(&sim->engines[e], sim->now_s));
    add_running(sim, &sim->tools, sim->now_s);
    for (uint32_t t = 0; t < shares->tenants; t++) {
        struct account *a = &shares->accounts[t];
        a->contended += a->competes ? a->now - before[t] : 0.0;
        a->competes = false;
    }
}

static bool is_busy(const struct account *a)
{
    return a->ready + a->running > 0;
}

static bool read_tags(struct sim *sim, double *tags)
{
    for (uint32_t t = 0; t < sim->shares->tenants; t++) {
        llmsched_tenant_view account = {.size = sizeof account};
        llmsched_error err = {.size = sizeof err};
        if (is_busy(&sim->shares->accounts[t]) &&
            llmsched_scheduler_get_tenant(sim->scheduler, t, &account, &err) != LLMSCHED_OK)
            return no_result(sim->problem, "policy %s: a tenant has work and no account",
                             sim->options->policy);
        tags[t] = account.tag_s;
    }
    return true;
}

static void look_at(struct shares *shares, struct contest *c, double apart, double owed)
{
    if (!c->on)
        *c = (struct contest){true, apart, apart, apart + owed, apart - owed};
    shares->difference = fmax(shares->difference, fmax(apart - c->least, c->greatest - apart));
    shares->unfairness =
        fmax(shares->unfairness, fmax(apart - c->least_owed, c->greatest_owed - apart));
    c->least = fmin(c->least, apart);
    c->greatest = fmax(c->greatest, apart);
    c->least_owed = fmin(c->least_owed, apart + owed);
    c->greatest_owed = fmax(c->greatest_owed, apart - owed);
}

bool shares_look(struct sim *sim)
{
    struct shares *shares = sim->shares;
    double tags[MOST_TENANTS];
    if (shares == NULL)
        return true;
    bring_up_to_date(sim);
    if (!read_tags(sim, tags))
        return false;
    for (uint32_t a = 1; a < shares->tenants; a++) {
        for (uint32_t b = 0; b < a; b++) {
            struct account *x = &shares->accounts[a], *y = &shares->accounts[b];
            struct contest *c = contest_of(shares, a, b);
            if (!is_busy(x) || !is_busy(y)) {
                c->on = false;
                continue;
            }
            x->competes = y->competes = true;
            look_at(shares, c, x->now / x->weight - y->now / y->weight, fabs(tags[a] - tags[b]));
        }
    }
    return true;
}

/* --- the end ---------------------------------------------------------------------------- */

/* L / w. */
static double largest(const struct sim *sim, const struct account *a)
{
    double sum = 0.0;
    for (uint32_t e = 0; e < world_executors(sim->world); e++)
        sum += a->most[e] * (sim_is_slot(sim, e) ? 1 : sim->engines[e].max_batch);
    return sum / a->weight;
}

void shares_report(struct sim *sim)
{
    const struct shares *shares = sim->shares;
    if (shares == NULL)
        return;
    struct fairness *f = sim->result->fairness = allocate(1, sizeof *f);
    *f = (struct fairness){.contended_s = allocate(shares->tenants, sizeof *f->contended_s),
                           .difference_s = shares->difference,
                           .unfairness_s = shares->unfairness,
                           .bound_s = INFINITY};
    for (uint32_t a = 0; a < shares->tenants; a++) {
        f->contended_s[a] = shares->accounts[a].contended;
        for (uint32_t b = 0; b < a; b++)
            f->bound_s = fmin(f->bound_s, 2.0 * (largest(sim, &shares->accounts[a]) +
                                                 largest(sim, &shares->accounts[b])));
    }
}
