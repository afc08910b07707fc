/* SPDX-License-Identifier: Apache-2.0 */
/* The engines and tool slots of a simulation. */
#include <math.h>
#include <string.h>

#include "sim_state.h"

void sim_refresh(struct sim *sim, uint32_t engine)
{
    engine_refresh(&sim->engines[engine]);
    sim->due_s[engine] = sim->engines[engine].next_s;
}

void sim_add_engine(struct sim *sim, uint32_t class, double crowding)
{
    const struct engine_class *kind = &sim->world->classes[class];
    uint32_t e = sim->engine_count++;
    grow((void **)&sim->engines, &sim->engine_capacity, sim->engine_count, sizeof *sim->engines);
    grow((void **)&sim->due_s, &sim->due_capacity, sim->engine_count, sizeof *sim->due_s);
    engine_init(&sim->engines[e], &kind->pace, kind->executor.capacity);
    sim->engines[e].crowding = crowding;
    sim->engines[e].class = class;
    sim->due_s[e] = INFINITY;
}

void sim_crowd_engine(struct sim *sim, uint32_t e, double crowding)
{
    struct engine *engine = &sim->engines[e];
    if (engine->crowding == crowding)
        return;
    engine_advance(engine, sim->now_s);
    engine->crowding = crowding;
    sim_refresh(sim, e);
}

void sim_set_up_places(struct sim *sim)
{
    const struct world *world = sim->world;
    for (uint32_t e = 0; e < world->engine_count; e++)
        sim_add_engine(sim, world->engines[e], world->crowding != NULL ? world->crowding[e] : 1.0);
    sim->first_slot = world->engine_count;
    if (world->tool_slots == SLOTS_UNLIMITED)
        sim->first_slot = FIRST_POOL;
    else
        sim->slot_busy = allocate(world->tool_slots, sizeof *sim->slot_busy);
}

void sim_set_slot(struct sim *sim, uint64_t executor, bool busy)
{
    if (sim->slot_busy != NULL)
        sim->slot_busy[executor - sim->first_slot] = busy;
}

static const char *check_slot(const struct sim *sim, const struct stage *stage, uint64_t slot)
{
    if (sim->slot_busy == NULL)
        return NULL;
    if (world_pool(sim->world, stage) != world_pool_of(sim->world, (uint32_t)slot))
        return "the slot is in another pool";
    return sim->slot_busy[slot] ? "the slot is busy" : NULL;
}

static const char *check_engine(const struct sim *sim, const struct stage *stage,
                                const struct engine *engine)
{
    const char *served = sim->world->classes[engine->class].executor.model;
    const char *needed = world_place(sim->world, stage);
    if (served != needed && (served == NULL || needed == NULL || strcmp(served, needed) != 0))
        return "the engine serves another model";
    return engine->requests.count < engine->max_batch ? NULL : "the engine is full";
}

const char *sim_check_place(const struct sim *sim, const struct stage *stage, uint64_t executor)
{
    bool slot = sim_is_slot(sim, executor);
    if ((slot ? executor - sim->first_slot >= sim->world->tool_slots
              : executor >= sim->engine_count) ||
        slot != (stage->kind == LLMSCHED_STAGE_REGULAR))
        return "no such executor";
    if (!outages_is_up(sim, executor))
        return "the executor is down";
    return slot ? check_slot(sim, stage, executor - sim->first_slot)
                : check_engine(sim, stage, &sim->engines[executor]);
}
