/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts, drains and stops replicas. Within an instant: replicas that have drained stop, those
 * whose time has come serve, then a tick decides about one model after the other, and last a model
 * without any replica gets one if requests wait for it.
 */
#include "scaler.h"

#include <math.h>
#include <stdlib.h>

#include "autoscale.h"
#include "gpus.h"
#include "sim_state.h"

/* Ticks after which whatever an autoscaler remembers has been forgotten. */
enum { QUIET_TICKS = 400 };

enum replica_state { STARTING, SERVING, DRAINING, STOPPED };

struct replica {
    enum replica_state state;
    uint32_t model;
    double ready_s; /* while it starts */
};

struct scaled {
    double target; /* requests of a replica that are aimed at */
    uint32_t serving, starting, draining;
    uint32_t requests;        /* running and waiting */
    double request_s, time_s; /* integral of requests until time_s */
    struct hpa hpa;
    struct kpa kpa;
};

struct scaler {
    struct sim *sim;
    llmsched_autoscaler rule;
    struct gpus gpus;
    struct scaled *models;
    struct replica *replicas; /* by number, as in gpus */
    size_t replica_count, replica_capacity;
    size_t next_start; /* no replica before this one starts; they are ready in order of number */
    uint32_t draining;
    uint64_t requests;
    double interval_s;
    uint64_t tick;        /* the next */
    uint32_t quiet_ticks; /* since something changed */
};

static uint32_t replicas_of(const struct scaled *model)
{
    return model->serving + model->starting;
}

struct scaler *scaler_create(struct sim *sim, const struct planned *planned)
{
    struct scaler *scaler = allocate(1, sizeof *scaler);
    *scaler = (struct scaler){.sim = sim, .rule = planned->autoscaler, .tick = 1};
    scaler->interval_s =
        scaler->rule.kind == LLMSCHED_AUTOSCALER_HPA ? HPA_INTERVAL_S : KPA_INTERVAL_S;
    if (!gpus_of_plan(&scaler->gpus, planned, sim->problem)) {
        free(scaler);
        return NULL;
    }
    scaler->models = allocate(scaler->gpus.model_count, sizeof *scaler->models);
    for (uint32_t m = 0; m < scaler->gpus.model_count; m++)
        scaler->models[m].target = scaler->rule.target * sim->world->classes[m].executor.capacity;
    scaler->replica_count = scaler->next_start = scaler->gpus.replica_count;
    grow((void **)&scaler->replicas, &scaler->replica_capacity, scaler->replica_count,
         sizeof *scaler->replicas);
    for (size_t r = 0; r < scaler->replica_count; r++) {
        uint32_t model = scaler->gpus.replicas[r].model;
        scaler->replicas[r] = (struct replica){.state = SERVING, .model = model};
        scaler->models[model].serving++;
    }
    return scaler;
}

void scaler_destroy(struct scaler *scaler)
{
    if (scaler == NULL)
        return;
    gpus_release(&scaler->gpus);
    free(scaler->models);
    free(scaler->replicas);
    free(scaler);
}

static double tick_s(const struct scaler *scaler)
{
    return (double)scaler->tick * scaler->interval_s;
}

double scaler_next_s(const struct scaler *scaler, double other_s)
{
    if (scaler->next_start < scaler->replica_count)
        return fmin(tick_s(scaler), scaler->replicas[scaler->next_start].ready_s);
    /* With nobody there, or nothing running that could end, every tick is like the one before. */
    bool still = scaler->requests == 0 || other_s == INFINITY;
    return still && scaler->quiet_ticks >= QUIET_TICKS ? INFINITY : tick_s(scaler);
}

static void integrate(struct scaled *model, double now_s)
{
    model->request_s += model->requests * (now_s - model->time_s);
    model->time_s = now_s;
}

/* Ticks were left out while nothing could change: the next one is the first from now on. */
static void wake(struct scaler *scaler)
{
    double now_s = scaler->sim->now_s;
    if (scaler->quiet_ticks >= QUIET_TICKS && tick_s(scaler) < now_s - INSTANT_S) {
        scaler->tick = (uint64_t)(now_s / scaler->interval_s);
        while (tick_s(scaler) < now_s - INSTANT_S)
            scaler->tick++;
        for (uint32_t m = 0; m < scaler->gpus.model_count; m++)
            kpa_forget(&scaler->models[m].kpa, scaler->models[m].request_s);
    }
    scaler->quiet_ticks = 0;
}

void scaler_count(struct scaler *scaler, uint32_t m, int64_t change)
{
    struct scaled *model = &scaler->models[m];
    integrate(model, scaler->sim->now_s);
    wake(scaler);
    model->requests = (uint32_t)(model->requests + change);
    scaler->requests = (uint64_t)((int64_t)scaler->requests + change);
}

/* --- replicas -------------------------------------------------------------------------- */

static void note(struct scaler *scaler, size_t r, const char *what)
{
    scaler->quiet_ticks = 0;
    sim_note_replica(scaler->sim, (uint32_t)r, scaler->replicas[r].model, what);
}

/* false: there is no room. */
static bool start_one(struct scaler *scaler, uint32_t m)
{
    if (!gpus_take(&scaler->gpus, m))
        return false;
    struct sim *sim = scaler->sim;
    size_t r = scaler->replica_count++;
    grow((void **)&scaler->replicas, &scaler->replica_capacity, scaler->replica_count,
         sizeof *scaler->replicas);
    scaler->replicas[r] = (struct replica){
        .state = STARTING, .model = m, .ready_s = sim->now_s + scaler->rule.start_s};
    scaler->models[m].starting++;
    sim_add_engine(sim, m, gpus_crowding(&scaler->gpus, (uint32_t)r));
    note(scaler, r, "start");
    return true;
}

static bool make_ready(struct scaler *scaler, size_t r)
{
    struct replica *replica = &scaler->replicas[r];
    replica->state = SERVING;
    scaler->models[replica->model].starting--;
    scaler->models[replica->model].serving++;
    note(scaler, r, "ready");
    return sim_executor_up(scaler->sim, (uint32_t)r);
}

static void skip_started(struct scaler *scaler)
{
    while (scaler->next_start < scaler->replica_count &&
           scaler->replicas[scaler->next_start].state != STARTING)
        scaler->next_start++;
}

/* It leaves its GPUs, and whoever stays there is crowded less. */
static void vacate(struct scaler *scaler, size_t r)
{
    scaler->replicas[r].state = STOPPED;
    gpus_give(&scaler->gpus, (uint32_t)r);
    for (uint32_t i = 0; i < scaler->replica_count; i++)
        if (scaler->replicas[i].state != STOPPED)
            sim_crowd_engine(scaler->sim, i, gpus_crowding(&scaler->gpus, i));
    note(scaler, r, "stop");
}

/* The youngest replica takes no more requests, and goes after its last. */
static bool drain_one(struct scaler *scaler, uint32_t m)
{
    struct scaled *model = &scaler->models[m];
    size_t r = scaler->replica_count - 1;
    while (scaler->replicas[r].model != m || scaler->replicas[r].state > SERVING)
        r--;
    if (scaler->replicas[r].state == STARTING) {
        model->starting--;
        vacate(scaler, r);
        skip_started(scaler);
        return true;
    }
    model->serving--;
    if (scaler->sim->engines[r].requests.count == 0) {
        vacate(scaler, r);
        return sim_executor_down(scaler->sim, (uint32_t)r);
    }
    scaler->replicas[r].state = DRAINING;
    model->draining++;
    scaler->draining++;
    note(scaler, r, "drain");
    return sim_engine_close(scaler->sim, (uint32_t)r);
}

static bool stop_drained(struct scaler *scaler)
{
    for (size_t r = 0; scaler->draining > 0 && r < scaler->replica_count; r++) {
        if (scaler->replicas[r].state != DRAINING || scaler->sim->engines[r].requests.count > 0)
            continue;
        scaler->draining--;
        scaler->models[scaler->replicas[r].model].draining--;
        vacate(scaler, r);
        if (!sim_executor_down(scaler->sim, (uint32_t)r))
            return false;
    }
    return true;
}

static bool begin_started(struct scaler *scaler)
{
    for (skip_started(scaler);
         scaler->next_start < scaler->replica_count &&
         scaler->replicas[scaler->next_start].ready_s <= scaler->sim->now_s + INSTANT_S;
         skip_started(scaler))
        if (!make_ready(scaler, scaler->next_start))
            return false;
    return true;
}

/* --- decisions --------------------------------------------------------------------------- */

static bool decide_model(struct scaler *scaler, uint32_t m)
{
    struct scaled *model = &scaler->models[m];
    uint32_t replicas = replicas_of(model), want = replicas;
    integrate(model, scaler->sim->now_s);
    if (scaler->rule.kind == LLMSCHED_AUTOSCALER_KPA)
        want = kpa_want(&model->kpa, scaler->tick, model->request_s, model->serving, replicas,
                        model->target);
    else if (replicas > 0)
        want = hpa_want(&model->hpa, scaler->tick, replicas, model->requests, model->target);
    while (replicas_of(model) < want && start_one(scaler, m))
        ;
    while (replicas_of(model) > want)
        if (!drain_one(scaler, m))
            return false;
    return true;
}

static bool tick(struct scaler *scaler)
{
    scaler->quiet_ticks++;
    for (uint32_t m = 0; m < scaler->gpus.model_count; m++)
        if (!decide_model(scaler, m))
            return false;
    scaler->tick++;
    return true;
}

/* Requests of a model that are on replicas which drain. */
static uint32_t requests_draining(const struct scaler *scaler, uint32_t m)
{
    size_t count = 0;
    for (size_t r = 0; r < scaler->replica_count; r++)
        if (scaler->replicas[r].model == m && scaler->replicas[r].state == DRAINING)
            count += scaler->sim->engines[r].requests.count;
    return (uint32_t)count;
}

static void start_from_zero(struct scaler *scaler)
{
    for (uint32_t m = 0; m < scaler->gpus.model_count; m++) {
        const struct scaled *model = &scaler->models[m];
        if (replicas_of(model) > 0 || model->requests == 0)
            continue;
        if (model->draining == 0 || model->requests > requests_draining(scaler, m))
            start_one(scaler, m);
    }
}

bool scaler_act(struct scaler *scaler)
{
    if (!stop_drained(scaler) || !begin_started(scaler))
        return false;
    if (tick_s(scaler) <= scaler->sim->now_s + INSTANT_S && !tick(scaler))
        return false;
    start_from_zero(scaler);
    return true;
}
