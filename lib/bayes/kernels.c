/* SPDX-License-Identifier: Apache-2.0 */
#include "bayes/kernels.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <cpuid.h>
#endif

/*
 * Eight doubles anywhere in memory. Where registers are shorter the compiler takes several: a
 * vector of this type is the same computation on every machine. (The sets are not contracted into
 * fused operations: the build says -ffp-contract=off, and the code repeats it.)
 */
#define LLS_LANES 8
typedef double lls_vector __attribute__((vector_size(64), aligned(8), may_alias));
typedef double lls_vector4 __attribute__((vector_size(32), aligned(8), may_alias));
typedef double lls_vector2 __attribute__((vector_size(16), aligned(8), may_alias));

#define LLS_JOIN_(a, b) lls_##a##_##b
#define LLS_JOIN(a, b) LLS_JOIN_(a, b)
#define LLS_NAME(function) LLS_JOIN(LLS_SET, function)

#define LLS_SET plain
#define LLS_LABEL "plain"
#define LLS_TARGET
#include "bayes/kernels_body.h"
#undef LLS_SET
#undef LLS_LABEL
#undef LLS_TARGET

#if defined(__x86_64__) && defined(__GNUC__)

#define LLS_SET avx2
#define LLS_LABEL "avx2"
#define LLS_TARGET __attribute__((target("avx2")))
#include "bayes/kernels_body.h"
#undef LLS_SET
#undef LLS_LABEL
#undef LLS_TARGET

#define LLS_SET avx512
#define LLS_LABEL "avx512"
#define LLS_TARGET __attribute__((target("avx512f")))
#include "bayes/kernels_body.h"
#undef LLS_SET
#undef LLS_LABEL
#undef LLS_TARGET

/* Which registers the operating system saves: without its help they cannot be used. */
static uint32_t saved_registers(void)
{
    uint32_t low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

/* Asked anew each time, because the library keeps no globals. 0: plain, 1: AVX2, 2: AVX-512. */
static uint32_t best_set(void)
{
    enum { XSAVE = 1 << 27, AVX2 = 1 << 5, AVX512F = 1 << 16, YMM = 0x6, ZMM = 0xe6 };
    uint32_t a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & XSAVE) == 0)
        return 0;
    uint32_t saved = saved_registers();
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (saved & YMM) != YMM || (b & AVX2) == 0)
        return 0;
    return (saved & ZMM) == ZMM && (b & AVX512F) != 0 ? 2 : 1;
}

const lls_kernels *lls_kernels_at(uint32_t index)
{
    const lls_kernels *const sets[] = {&lls_plain_kernels, &lls_avx2_kernels, &lls_avx512_kernels};
    return index <= best_set() ? sets[index] : NULL;
}

const lls_kernels *lls_kernels_best(void)
{
    return lls_kernels_at(best_set());
}

#else

/* NEON is part of the baseline where it exists: the plain set is compiled for it. */
const lls_kernels *lls_kernels_at(uint32_t index)
{
    return index == 0 ? &lls_plain_kernels : NULL;
}

const lls_kernels *lls_kernels_best(void)
{
    return &lls_plain_kernels;
}

#endif
