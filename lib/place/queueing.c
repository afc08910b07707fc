/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mean latency of a call: one queue before r replicas (docs/algorithms.md section 8.3).
 *
 * With n calls in the system, spread evenly, calls are finished at the rate mu(n). All requests of
 * a batch share the replica's steps, which is processor sharing: the probabilities p(n) depend on
 * the mean work of a call alone, so that those of a birth-death chain hold for any distribution of
 * tokens. Little's law makes a latency of the mean number in the system.
 */
#include "place/internal.h"

#include <math.h>

/* Less no call takes, so that a curve of zeros has rates that numbers can hold. */
#define LEAST_SECONDS 1e-12
/* Probabilities smaller than this beside their sum are left out. */
#define VANISHED 1e-13
/* States behind the last place that are looked at where calls come in groups. */
enum { MOST_WAITING = 1 << 18 };

/*
 * A batch of b takes E[k] decode(b, X) + b E[prefill] seconds for all of its calls. Where a table
 * says that a larger batch is slower the rate of the best smaller one stands: X is the largest.
 */
bool lls_service_init(lls_service *service, const llmsched_context *context,
                      const lls_config *config, const lls_demand *demand)
{
    double prefill = lls_demand_prefill(demand, &config->curve);
    *service = (lls_service){.context = context, .load = demand->load, .batch = config->max_batch};
    service->rates = lls_calloc(context, (size_t)config->max_batch + 1, sizeof(double));
    if (service->rates == NULL || !lls_call_groups_init(&service->groups, context, demand)) {
        lls_service_finish(service);
        return false;
    }
    for (uint32_t b = 1; b <= config->max_batch; b++) {
        double decode = lls_curve_decode(&config->curve, b, demand->context);
        double seconds = demand->steps * decode + b * prefill;
        service->saturation = fmax(service->saturation, b / fmax(seconds, LEAST_SECONDS));
        service->rates[b] = service->saturation;
    }
    return true;
}

void lls_service_finish(lls_service *service)
{
    lls_call_groups_finish(&service->groups, service->context);
    lls_free(service->context, service->rates);
    lls_free(service->context, service->terms);
    *service = (lls_service){0};
}

/* --- the chain --------------------------------------------------------------------- */

/* n calls, spread evenly: `more` of the replicas run `each` + 1, the others `each`. */
typedef struct level {
    const lls_service *service;
    uint32_t replicas, each, more;
} level;

static level level_of(const lls_service *service, uint32_t replicas, uint64_t n)
{
    uint64_t each = n / replicas;
    if (each >= service->batch)
        return (level){service, replicas, service->batch, 0};
    return (level){service, replicas, (uint32_t)each, (uint32_t)(n % replicas)};
}

/* mu(n) */
static double level_rate(const level *at)
{
    const double *rates = at->service->rates;
    if (at->more == 0)
        return at->replicas * rates[at->each];
    return (at->replicas - at->more) * rates[at->each] + at->more * rates[at->each + 1];
}

/* To n + 1; above the last place the rate stays. */
static void level_up(level *at)
{
    if (at->each < at->service->batch && ++at->more == at->replicas) {
        at->more = 0;
        at->each++;
    }
}

/* To n - 1, from a level that is not above the last place. */
static void level_down(level *at)
{
    if (at->more == 0) {
        at->more = at->replicas;
        at->each--;
    }
    at->more--;
}

/* Least n with mu(n) >= load: about where p(n) is largest. */
static uint64_t find_mode(const lls_service *service, uint32_t replicas)
{
    uint64_t low = 0, high = (uint64_t)replicas * service->batch;
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        level at = level_of(service, replicas, middle);
        if (level_rate(&at) >= service->load)
            high = middle;
        else
            low = middle;
    }
    return high;
}

/* Sums of p(n) and n p(n): of positive terms, so that a mean far below 1 keeps its digits. */
typedef struct moments {
    double sum, first;
} moments;

static void add(moments *m, double term, double n)
{
    m->sum += term;
    m->first += term * n;
}

/* Adds sum over j = 1, 2, ... of term q^j at n + j. */
static void add_geometric(moments *m, double term, double q, double n)
{
    m->sum += term * q / (1.0 - q);
    m->first += term * (n * q / (1.0 - q) + q / ((1.0 - q) * (1.0 - q)));
}

/* --- calls that come one by one ------------------------------------------------------ */

/* p(n + 1) = p(n) load / mu(n + 1), outwards from the mode, where p is taken as 1. */
static moments singles(const lls_service *service, uint32_t replicas, uint64_t mode)
{
    moments m = {0};
    level at = level_of(service, replicas, mode);
    double term = 1.0, number = (double)mode;
    add(&m, term, number);
    while (at.each < service->batch && term > VANISHED * m.sum) {
        level_up(&at);
        term *= service->load / level_rate(&at);
        number += 1.0;
        add(&m, term, number);
    }
    if (at.each == service->batch)
        add_geometric(&m, term, service->load / level_rate(&at), number);
    at = level_of(service, replicas, mode);
    term = 1.0;
    for (uint64_t n = mode; n > 0 && term > VANISHED * m.sum; n--) {
        term *= level_rate(&at) / service->load;
        level_down(&at);
        add(&m, term, (double)(n - 1));
    }
    return m;
}

/* --- calls that come in groups --------------------------------------------------------- */

/* Room for so many terms. */
static bool reserve(lls_service *service, size_t count)
{
    void *grown = service->terms;
    bool ok =
        lls_grow(service->context, &grown, &service->term_capacity, count, sizeof *service->terms);
    service->terms = grown;
    return ok;
}

/*
 * The tasks of a stage have equal work: a group stays whole, and is one customer of several places.
 * mu(n) p(n) = sum over the sizes s of load_s p(n - s), where load_s is that of calls in groups of
 * s: exact where all sizes are equal, and where mu is n times a constant (Kaufman 1981, Roberts
 * 1981). terms: those of count states before, and room for one more.
 */
static double next_term(const lls_service *service, uint32_t count, double rate)
{
    double flow = 0.0;
    for (uint32_t g = 0; g < service->groups.count; g++)
        if (service->groups.sizes[g] <= count)
            flow += service->groups.loads[g] * service->terms[count - service->groups.sizes[g]];
    return flow / rate;
}

/* Sum of the last terms, as many as the largest group: single ones may be 0 between the sizes. */
static double last_terms(const lls_service *service, uint32_t count)
{
    double sum = 0.0;
    for (uint32_t i = 0; i < service->groups.largest && i < count; i++)
        sum += service->terms[count - 1 - i];
    return sum;
}

/* Upwards from so far below the mode that nothing less matters. */
static bool groups(lls_service *service, uint32_t replicas, uint64_t mode, moments *m)
{
    uint32_t largest = service->groups.largest, count = 1;
    double below = 16.0 * sqrt((double)mode * largest) + largest;
    uint64_t n = below < (double)mode ? mode - (uint64_t)below : 0;
    uint64_t most = (uint64_t)replicas * service->batch + MOST_WAITING;
    level at = level_of(service, replicas, n);
    if (!reserve(service, 1))
        return false;
    service->terms[0] = 1.0;
    add(m, 1.0, (double)n);
    bool goes_on = true;
    while (goes_on) {
        level_up(&at);
        if (!reserve(service, (size_t)count + 1))
            return false;
        service->terms[count] = next_term(service, count, level_rate(&at));
        n++;
        add(m, service->terms[count++], (double)n);
        if (count % largest == 0)
            goes_on = n < most && (n <= mode || last_terms(service, count) > VANISHED * m->sum);
    }
    return true;
}

bool lls_call_latency(lls_service *service, uint32_t replicas, double *seconds)
{
    uint64_t mode = find_mode(service, replicas);
    moments m = {0};
    if (service->groups.count == 0)
        m = singles(service, replicas, mode);
    else if (!groups(service, replicas, mode, &m))
        return false;
    /* What a group has more than its size says takes its time too. */
    double rest = service->groups.rest / (replicas * service->saturation);
    *seconds = m.first / m.sum / service->load + rest;
    return true;
}
