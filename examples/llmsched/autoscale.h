/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of two autoscalers: how many replicas of a model there should be (docs/simulation.md,
 * "Autoscalers"). What carries them out is scaler.c. */
#ifndef AUTOSCALE_H
#define AUTOSCALE_H

#include <stdbool.h>
#include <stdint.h>

/* More replicas than any cluster has room for. */
#define MOST_WANTED 1000000u

/* What the Horizontal Pod Autoscaler remembers of a model. */
#define HPA_INTERVAL_S 15.0
enum { HPA_MEMORY = 20 }; /* intervals in its window of 300 s */
struct hpa {
    uint32_t recommended[HPA_MEMORY]; /* by tick, in turn */
    uint32_t begun;                   /* replicas at the first tick */
    uint64_t first;                   /* that tick; 0: not yet */
};
/* At a tick, numbered from 1; replicas at least 1, requests running and waiting; target: requests
 * of a replica that are aimed at. */
uint32_t hpa_want(struct hpa *hpa, uint64_t tick, uint32_t replicas, uint32_t requests,
                  double target);

/* What Knative's autoscaler remembers of a model. */
#define KPA_INTERVAL_S 2.0
enum { KPA_STABLE = 30, KPA_PANIC = 3 }; /* intervals in its windows of 60 s and 6 s */
struct kpa {
    double request_s[KPA_STABLE]; /* integrals at the last ticks, in turn */
    uint64_t last_over;           /* tick at which the panic window was last over; 0: no panic */
    uint32_t most;                /* wanted during this panic */
    uint64_t idle_since;          /* tick since which nothing is wanted; 0: something is */
};
/* At a tick; request_s: the integral of the running and waiting requests over time so far; ready
 * replicas, and those with the ones that start. */
uint32_t kpa_want(struct kpa *kpa, uint64_t tick, double request_s, uint32_t ready,
                  uint32_t replicas, double target);
/* No requests have been there for longer than it remembers. */
void kpa_forget(struct kpa *kpa, double request_s);

#endif
