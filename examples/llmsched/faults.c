/* SPDX-License-Identifier: Apache-2.0 */
/* Reads what may go wrong, and draws it. */
#include "faults.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Attempts must not fail for ever. */
static const double MOST_PROBABILITY = 0.9, MOST_SECONDS = 1e9;
static const double MOST_SEED = 9007199254740992.0;

static bool read_value(const char *text, size_t length, double most, double *value)
{
    char copy[32], *end;
    if (length == 0 || length >= sizeof copy)
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    *value = strtod(copy, &end);
    return *end == '\0' && *value >= 0.0 && *value <= most;
}

static bool read_item(struct faults *faults, const char *item, size_t length,
                      struct problem *problem)
{
    const struct {
        const char *key;
        double most;
        double *value;
    } keys[] = {{"fail", MOST_PROBABILITY, &faults->fail},
                {"runaway", MOST_PROBABILITY, &faults->runaway},
                {"timeout", MOST_SECONDS, &faults->timeout_s},
                {"up", MOST_SECONDS, &faults->up_s},
                {"down", MOST_SECONDS, &faults->down_s},
                {"seed", MOST_SEED, &faults->seed}};
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        size_t key = strlen(keys[i].key);
        if (key >= length || strncmp(item, keys[i].key, key) != 0 || item[key] != '=')
            continue;
        return read_value(item + key + 1, length - key - 1, keys[i].most, keys[i].value)
                   ? true
                   : bad_input(problem, "--faults: %s: expected a number in 0 .. %g", keys[i].key,
                               keys[i].most);
    }
    return bad_input(problem,
                     "--faults: expected fail, runaway, timeout, up, down or seed with a value, "
                     "not \"%.*s\"",
                     (int)(length < 80 ? length : 80), item);
}

bool faults_parse(struct faults *faults, const char *text, struct problem *problem)
{
    *faults = (struct faults){0};
    if (text == NULL)
        return true;
    for (const char *item = text;;) {
        size_t length = strcspn(item, ",");
        if (!read_item(faults, item, length, problem))
            return false;
        if (item[length] == '\0')
            break;
        item += length + 1;
    }
    if (faults->fail + faults->runaway > MOST_PROBABILITY)
        return bad_input(problem, "--faults: expected fail and runaway of at most %g together",
                         MOST_PROBABILITY);
    if ((faults->runaway > 0.0) != (faults->timeout_s > 0.0))
        return bad_input(problem, "--faults: expected runaway and timeout together");
    if ((faults->up_s > 0.0) != (faults->down_s > 0.0))
        return bad_input(problem, "--faults: expected up and down together");
    return true;
}

bool faults_any(const struct faults *faults)
{
    return faults->fail > 0.0 || faults->runaway > 0.0 || faults->up_s > 0.0;
}

/* One number from several, each of which stirs all. */
static uint64_t stir(uint64_t state, uint64_t number)
{
    struct random random = {state ^ number};
    return random_next(&random);
}

static uint64_t start_of(const struct faults *faults, uint64_t seed)
{
    return stir(stir(0, (uint64_t)faults->seed), seed);
}

struct fate fate_of(const struct faults *faults, uint64_t seed, uint32_t job, uint32_t stage,
                    uint32_t task, uint32_t attempt)
{
    uint64_t state = stir(start_of(faults, seed), (uint64_t)job << 32 | stage);
    struct random random = {stir(state, (uint64_t)task << 32 | attempt)};
    double dice = random_uniform(&random), share = random_uniform(&random);
    if (dice < faults->fail)
        return (struct fate){.fails = true, .share = share};
    if (dice < faults->fail + faults->runaway)
        return (struct fate){.fails = true, .share = 1.0, .timeout_s = faults->timeout_s};
    return (struct fate){.share = 1.0};
}

struct random outages_of(const struct faults *faults, uint64_t seed, uint32_t executor)
{
    return (struct random){stir(~start_of(faults, seed), executor)};
}
