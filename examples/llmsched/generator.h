/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Made-up jobs at any scale. Shapes, token counts, loop survival and tool times are those of the
 * recorded applications that the jobs are named after; nothing else of a recorded run is in them.
 */
#ifndef GENERATOR_H
#define GENERATOR_H

#include "jobs.h"
#include "random.h"

/* A model of an application; static storage. */
struct maker;

size_t maker_count(void);
const struct maker *maker_at(size_t index);
/* FILESTEM/APP, the name by which a profile learned from the recorded runs goes. */
const char *maker_name(const struct maker *maker);

/* Room for one job at a time. */
struct generator {
    struct body body;
    size_t stage_capacity;
    uint32_t *parents;
    size_t parent_count, parent_capacity;
    size_t *first_parent;
    size_t first_capacity;
    char (*ids)[12];
    size_t id_count, id_capacity;
};
/* The stages of a fresh job, valid until the next call; without children. */
const struct body *generator_make(struct generator *generator, const struct maker *maker,
                                  struct random *random);
void generator_release(struct generator *generator);

#endif
