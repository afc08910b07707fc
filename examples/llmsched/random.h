/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers of the program: FNV-1a for seeds, splitmix64 for the stream. */
#ifndef RANDOM_H
#define RANDOM_H

#include <stdint.h>

uint64_t fnv1a64(const char *text);

struct random {
    uint64_t state;
};
uint64_t random_next(struct random *random);
double random_uniform(struct random *random);                 /* (0, 1), never an end */
uint32_t random_below(struct random *random, uint32_t bound); /* bound > 0, unbiased */
double random_exponential(struct random *random, double mean);
double random_normal(struct random *random);

#endif
