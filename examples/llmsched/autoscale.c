/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of autoscalers. Sources: Kubernetes' horizontal controller with the default behaviour of
 * autoscaling/v2 on an average value; Knative's pod autoscaler on concurrency. */
#include "autoscale.h"

#include <math.h>

/* So that rounding of what is a whole number adds no replica. */
static const double SLACK = 1e-9;

static uint32_t replicas_for(double requests, double target)
{
    return (uint32_t)fmin(fmax(ceil(requests / target - SLACK), 0.0), MOST_WANTED);
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

uint32_t hpa_want(struct hpa *hpa, uint64_t tick, uint32_t replicas, uint32_t requests,
                  double target)
{
    static const double tolerance = 0.1;
    double ratio = requests / (replicas * target);
    uint32_t desired = fabs(ratio - 1.0) <= tolerance + SLACK
                           ? replicas
                           : larger(1, replicas_for(requests, target));
    if (hpa->first == 0) {
        hpa->first = tick;
        hpa->begun = replicas;
    }
    hpa->recommended[tick % HPA_MEMORY] = desired;
    if (desired > replicas)
        return smaller(desired, larger(2 * replicas, replicas + 4));
    /* Down to the highest of the window, to which the number that it began with belongs. */
    uint32_t most = desired;
    for (uint64_t t = tick; t >= hpa->first && t + HPA_MEMORY > tick; t--)
        most = larger(most, hpa->recommended[t % HPA_MEMORY]);
    if (tick < hpa->first + HPA_MEMORY)
        most = larger(most, hpa->begun);
    return smaller(most, replicas);
}

/* Mean number of requests over the last intervals, or over as many as there have been. */
static double mean_requests(const struct kpa *kpa, uint64_t tick, double request_s,
                            uint64_t intervals)
{
    bool partial = tick <= intervals;
    double before = partial ? 0.0 : kpa->request_s[(tick - intervals) % KPA_STABLE];
    return (request_s - before) / ((double)(partial ? tick : intervals) * KPA_INTERVAL_S);
}

static uint32_t panic(struct kpa *kpa, uint64_t tick, uint32_t stable, uint32_t short_term,
                      bool over)
{
    if (over)
        kpa->last_over = tick;
    else if (kpa->last_over != 0 && tick > kpa->last_over + KPA_STABLE)
        kpa->last_over = 0;
    if (kpa->last_over == 0)
        kpa->most = 0;
    else
        stable = kpa->most = larger(kpa->most, larger(stable, short_term));
    return stable;
}

uint32_t kpa_want(struct kpa *kpa, uint64_t tick, double request_s, uint32_t ready,
                  uint32_t replicas, double target)
{
    static const uint64_t grace = 15; /* intervals: 30 s */
    uint32_t served = larger(ready, 1);
    uint32_t least = served / 2, most = smaller(served, MOST_WANTED / 1000) * 1000;
    uint32_t stable = replicas_for(mean_requests(kpa, tick, request_s, KPA_STABLE), target);
    uint32_t short_term = replicas_for(mean_requests(kpa, tick, request_s, KPA_PANIC), target);
    kpa->request_s[tick % KPA_STABLE] = request_s;
    uint32_t want = panic(kpa, tick, smaller(larger(stable, least), most),
                          smaller(larger(short_term, least), most), short_term >= 2 * served);
    if (want > 0) {
        kpa->idle_since = 0;
        return want;
    }
    if (kpa->idle_since == 0)
        kpa->idle_since = tick;
    return tick >= kpa->idle_since + grace ? 0 : smaller(replicas, 1);
}

void kpa_forget(struct kpa *kpa, double request_s)
{
    for (uint32_t i = 0; i < KPA_STABLE; i++)
        kpa->request_s[i] = request_s;
}
