/* SPDX-License-Identifier: Apache-2.0 */
#include "bayes/kernels.h"

/*
 * Doubles anywhere in memory. Eight lanes are as many registers as that takes, said in the code:
 * compilers that are given vectors longer than a register keep them in memory. Lanes do not meet,
 * so that every machine does the same computation. (The sets are not contracted into fused
 * operations: the build says -ffp-contract=off.)
 */
#define LLS_LANES 8
typedef double lls_vector8 __attribute__((vector_size(64), aligned(8), may_alias));
typedef double lls_vector4 __attribute__((vector_size(32), aligned(8), may_alias));
typedef double lls_vector2 __attribute__((vector_size(16), aligned(8), may_alias));

#define LLS_REGISTER_(width) lls_vector##width
#define LLS_REGISTER(width) LLS_REGISTER_(width)
#define LLS_JOIN_(a, b) lls_##a##_##b
#define LLS_JOIN(a, b) LLS_JOIN_(a, b)
#define LLS_NAME(function) LLS_JOIN(LLS_SET, function)

#define LLS_SET plain
#define LLS_LABEL "plain"
#define LLS_TARGET
#define LLS_WIDTH 2
#include "bayes/kernels_body.h"
#undef LLS_SET
#undef LLS_LABEL
#undef LLS_TARGET
#undef LLS_WIDTH

#if defined(__x86_64__) && defined(__GNUC__)

#define LLS_SET avx2
#define LLS_LABEL "avx2"
#define LLS_TARGET __attribute__((target("avx2")))
#define LLS_WIDTH 4
#include "bayes/kernels_body.h"
#undef LLS_SET
#undef LLS_LABEL
#undef LLS_TARGET
#undef LLS_WIDTH

#define LLS_SET avx512
#define LLS_LABEL "avx512"
#define LLS_TARGET __attribute__((target("avx512f")))
#define LLS_WIDTH 8
#include "bayes/kernels_body.h"
#undef LLS_SET
#undef LLS_LABEL
#undef LLS_TARGET
#undef LLS_WIDTH

static uint32_t best_set(const llmsched_context *context)
{
    if ((context->cpu & LLS_CPU_AVX2) == 0)
        return 0;
    return (context->cpu & LLS_CPU_AVX512) != 0 ? 2 : 1;
}

const lls_kernels *lls_kernels_at(const llmsched_context *context, uint32_t index)
{
    const lls_kernels *const sets[] = {&lls_plain_kernels, &lls_avx2_kernels, &lls_avx512_kernels};
    return index <= best_set(context) ? sets[index] : NULL;
}

const lls_kernels *lls_kernels_best(const llmsched_context *context)
{
    return lls_kernels_at(context, best_set(context));
}

#else

/* NEON is part of the baseline where it exists: the plain set is compiled for it. */
const lls_kernels *lls_kernels_at(const llmsched_context *context, uint32_t index)
{
    LLS_UNUSED(context);
    return index == 0 ? &lls_plain_kernels : NULL;
}

const lls_kernels *lls_kernels_best(const llmsched_context *context)
{
    return lls_kernels_at(context, 0);
}

#endif
