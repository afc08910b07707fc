/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this processor can do, beyond what the library is compiled for. Asking takes a microsecond,
 * in a virtual machine many: each context asks once.
 */
#include "base/internal.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include <cpuid.h>

/* Which registers the operating system saves: without its help they cannot be used. */
static uint32_t saved_registers(void)
{
    uint32_t low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

uint32_t lls_cpu_features(void)
{
    enum { XSAVE = 1 << 27, POPCNT = 1 << 23, YMM = 0x6, ZMM = 0xe6 };
    enum { AVX2 = 1 << 5, AVX512F = 1 << 16, VPOPCNTDQ = 1 << 14 };
    uint32_t a, b, c, d, found = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d))
        return 0;
    found |= (c & POPCNT) != 0 ? LLS_CPU_POPCNT : 0;
    if ((c & XSAVE) == 0 || !__get_cpuid_count(7, 0, &a, &b, &c, &d))
        return found;
    const uint32_t saved = saved_registers();
    if ((saved & YMM) == YMM && (b & AVX2) != 0)
        found |= LLS_CPU_AVX2;
    if ((saved & ZMM) == ZMM && (b & AVX512F) != 0)
        found |= LLS_CPU_AVX512 | ((c & VPOPCNTDQ) != 0 ? LLS_CPU_VPOPCNT : 0);
    return found;
}

#else

uint32_t lls_cpu_features(void)
{
    return 0;
}

#endif
