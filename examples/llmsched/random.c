/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers: the same on every machine, from the seed alone. */
#include "random.h"

#include <math.h>

static const double TWO_PI = 6.28318530717958647693;

uint64_t fnv1a64(const char *text)
{
    uint64_t state = UINT64_C(14695981039346656037);
    for (; *text != '\0'; text++)
        state = (state ^ (unsigned char)*text) * UINT64_C(1099511628211);
    return state;
}

uint64_t random_next(struct random *random)
{
    uint64_t x = random->state += UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

double random_uniform(struct random *random)
{
    return ((double)(random_next(random) >> 11) + 0.5) * 0x1p-53;
}

uint32_t random_below(struct random *random, uint32_t bound)
{
    /* Values under this would make the first residues more likely. */
    uint32_t refused = (uint32_t)(UINT64_C(0x100000000) % bound);
    uint32_t x;
    do {
        x = (uint32_t)(random_next(random) >> 32);
    } while (x < refused);
    return x % bound;
}

double random_exponential(struct random *random, double mean)
{
    return -mean * log(random_uniform(random));
}

double random_normal(struct random *random)
{
    double radius = sqrt(-2.0 * log(random_uniform(random)));
    return radius * cos(TWO_PI * random_uniform(random));
}
