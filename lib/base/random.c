/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hashes and random numbers that are the same on every machine: FNV-1a,
 * splitmix64 (Steele, Lea, Flood 2014) and xoshiro256** (Blackman, Vigna 2018).
 */
#include "base/internal.h"

uint64_t lls_fnv1a64(const void *bytes, size_t length, uint64_t state)
{
    const unsigned char *b = bytes;
    for (size_t i = 0; i < length; i++)
        state = (state ^ b[i]) * UINT64_C(1099511628211);
    return state;
}

uint64_t lls_splitmix64(uint64_t *state)
{
    *state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

void lls_random_seed(lls_random *random, uint64_t seed)
{
    /* Four steps of splitmix64 are never all zero, the one state xoshiro must not have. */
    for (size_t i = 0; i < LLS_COUNT(random->state); i++)
        random->state[i] = lls_splitmix64(&seed);
}

static uint64_t rotate_left(uint64_t x, unsigned by)
{
    return (x << by) | (x >> (64 - by));
}

uint64_t lls_random_next(lls_random *random)
{
    uint64_t *s = random->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

double lls_random_uniform(lls_random *random)
{
    return (double)(lls_random_next(random) >> 11) * 0x1p-53;
}

uint32_t lls_random_below(lls_random *random, uint32_t bound)
{
    /* Lemire 2019: the high word of x * bound; low words under 2^32 mod bound are drawn again. */
    uint32_t again_below = (0u - bound) % bound;
    for (;;) {
        uint64_t product = (lls_random_next(random) >> 32) * bound;
        if ((uint32_t)product >= again_below)
            return (uint32_t)(product >> 32);
    }
}
