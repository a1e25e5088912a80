/* SPDX-License-Identifier: LGPL-3.0-or-later
 *
 * Picks the kernel tables for this CPU. Own cpuid code: __builtin_cpu_supports answers 0 to everything under `zig cc`,
 * and MSVC has none.
 */
#include "ng_dispatch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BASELINE, AVX2, AVX512 };

/* The best level that is taken without being asked for by name. */
#define DEFAULT_LEVEL AVX512

#if defined(NG_HAVE_X86_ISA)
#  if defined(_MSC_VER) && !defined(__clang__)
#    include <immintrin.h>
#    include <intrin.h>
static void cpuid(unsigned leaf, unsigned r[4])
{
    int t[4];
    __cpuidex(t, (int)leaf, 0);
    for (int i = 0; i < 4; i++) r[i] = (unsigned)t[i];
}
static uint64_t enabled_state(void) { return _xgetbv(0); }
#  else
#    include <cpuid.h>
static void cpuid(unsigned leaf, unsigned r[4]) { __cpuid_count(leaf, 0, r[0], r[1], r[2], r[3]); }
static uint64_t enabled_state(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return ((uint64_t)high << 32) | low;
}
#  endif
#  define BIT(word, n) (((word) >> (n)) & 1u)

static int cpu_level(void)
{
    unsigned r[4];
    cpuid(0, r);
    if (r[0] < 7) return BASELINE;
    cpuid(1, r);     /* ecx: FMA 12, OSXSAVE 27, AVX 28, F16C 29 */
    if (!(BIT(r[2], 12) && BIT(r[2], 27) && BIT(r[2], 28) && BIT(r[2], 29))) return BASELINE;
    const uint64_t state = enabled_state();
    if ((state & 0x06) != 0x06) return BASELINE;                       /* the system saves XMM and YMM */
    cpuid(7, r);     /* ebx: AVX2 5, BMI2 8, AVX-512 F 16, DQ 17, BW 30, VL 31 */
    if (!(BIT(r[1], 5) && BIT(r[1], 8))) return BASELINE;
    /* Opmask and ZMM saved too. (macOS turns those bits on lazily: there this says less than there is, which is safe.) */
    if (BIT(r[1], 16) && BIT(r[1], 17) && BIT(r[1], 30) && BIT(r[1], 31) && (state & 0xe6) == 0xe6) return AVX512;
    return AVX2;
}
#else
static int cpu_level(void) { return BASELINE; }
#endif

#define TABLES(isa) extern const ng_kernels ng_table_f32_##isa, ng_table_f64_##isa;
TABLES(baseline)
#if defined(NG_HAVE_X86_ISA)
TABLES(avx2)
TABLES(avx512)
#endif

#define ISA(isa) { #isa, { &ng_table_f32_##isa, &ng_table_f64_##isa } }
static const ng_isa isas[] = {
    ISA(baseline),
#if defined(NG_HAVE_X86_ISA)
    ISA(avx2),
    ISA(avx512),
#endif
};
enum { ISA_COUNT = sizeof isas / sizeof isas[0] };

int ng_dispatch_supported(const char *names[3])
{
    const int best = cpu_level();
    for (int i = 0; i <= best; i++) names[i] = isas[i].name;
    return best + 1;
}

const ng_isa *ng_dispatch(const char **reason)
{
    static char text[160];
    const int best = cpu_level();
    const char *wanted = getenv("NANOGRAD_ISA");
    if (!wanted || !*wanted) return &isas[best < DEFAULT_LEVEL ? best : DEFAULT_LEVEL];
    for (int i = 0; i < ISA_COUNT; i++) {
        if (strcmp(wanted, isas[i].name) != 0) continue;
        if (i <= best) return &isas[i];
        snprintf(text, sizeof text, "NANOGRAD_ISA=%s: this CPU does not have it (the best here is %s)", wanted, isas[best].name);
        *reason = text;
        return NULL;
    }
    snprintf(text, sizeof text, "NANOGRAD_ISA=%.40s: unknown; this build has %s", wanted,
             ISA_COUNT > 1 ? "baseline, avx2 and avx512" : "baseline");
    *reason = text;
    return NULL;
}
