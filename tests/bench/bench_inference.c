/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Speed of exact inference on one thread. Prints a table; JSON where asked.
 *
 *     bench_inference [--short] [--growth] [--json FILE] [--export FOLDER]
 *
 * --growth adds how time and memory grow with stages, states, width and jobs.
 * --export writes each network and the first queries with their answers, for other engines to
 * check.
 */
#define _POSIX_C_SOURCE 200809L
#include "networks.h"

#include <time.h>

enum { QUERIES = 1024, EXPORTED = 60 };

typedef struct result {
    const char *name;
    uint32_t nodes;
    uint64_t largest_clique;
    double compile_s;
    double bytes;             /* of the calculator */
    double entries;           /* of the cliques that a query leaves, on average */
    double rate;              /* queries a second: median of the repetitions */
    double median_s, p99_s;   /* of single queries */
    double incremental_s;     /* one more stage told, all marginals */
    double scratch_s;         /* the same evidence told anew to a calculator that was cleared */
    double incremental_one_s; /* one more stage told, the next stage's marginal */
    double batch_rate;        /* jobs a second in batches of QUERIES */
    double first_batch, later_batch; /* how many times as fast as one by one */
    double soft_batch;               /* the same where jobs have likelihoods too */
    double pair_s;                   /* mutual information of a pair */
    double set_s;                    /* of a stage with the next four together */
} result;

static llmsched_error err;
static int repetitions = 9;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Of this thread alone: what is set beside each other takes long enough to be interrupted. */
static double spent(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(double *values, size_t n, double p)
{
    qsort(values, n, sizeof *values, by_value);
    return values[(size_t)((double)(n - 1) * p)];
}

static void tell(llmsched_inference *inf, const bench_query *q)
{
    llmsched_inference_clear(inf);
    for (uint32_t i = 0; i < q->length; i++)
        (void)llmsched_inference_set_state(inf, i, q->states[i], NULL);
}

static void ask(llmsched_inference *inf, double *out)
{
    bench_require(lls_inference_marginals(inf, out, &err), &err);
}

static void measure_single(llmsched_inference *inf, const bench_query *queries, double *out,
                           result *r)
{
    static double rates[64], latencies[QUERIES * 64];
    size_t n = 0;
    for (int k = -1; k < repetitions; k++) { /* the first warms up */
        double begin = now();
        for (int q = 0; q < QUERIES; q++) {
            tell(inf, &queries[q]);
            ask(inf, out);
        }
        if (k >= 0)
            rates[k] = QUERIES / (now() - begin);
    }
    for (int k = 0; k < repetitions; k++)
        for (int q = 0; q < QUERIES; q++) {
            double begin = now();
            tell(inf, &queries[q]);
            ask(inf, out);
            latencies[n++] = now() - begin;
        }
    r->rate = quantile(rates, (size_t)repetitions, 0.5);
    r->median_s = quantile(latencies, n, 0.5);
    r->p99_s = quantile(latencies, n, 0.99);
}

/* From each prefix of some runs to the next. */
static void measure_incremental(llmsched_inference *inf, const bench_query *queries, uint32_t nodes,
                                double *out, result *r)
{
    static double all[64 * BENCH_NODES * 64], one[64 * BENCH_NODES * 64],
        scratch[64 * BENCH_NODES * 64];
    double p[64];
    size_t n = 0;
    for (int k = 0; k < repetitions; k++)
        for (int q = 0; q < 32; q++) {
            bench_query prefix = queries[q];
            for (uint32_t m = 0; m + 1 < nodes; m++, n++) {
                prefix.length = m;
                tell(inf, &prefix);
                ask(inf, out);
                double begin = now();
                (void)llmsched_inference_set_state(inf, m, prefix.states[m], NULL);
                ask(inf, out);
                all[n] = now() - begin;
                tell(inf, &prefix);
                ask(inf, out);
                begin = now();
                (void)llmsched_inference_set_state(inf, m, prefix.states[m], NULL);
                bench_require(
                    llmsched_inference_marginal(
                        inf, m + 1, p, llmsched_network_state_count(inf->network, m + 1), &err),
                    &err);
                one[n] = now() - begin;
                prefix.length = m + 1;
                begin = now();
                tell(inf, &prefix);
                ask(inf, out);
                scratch[n] = now() - begin;
            }
        }
    r->incremental_s = quantile(all, n, 0.5);
    r->incremental_one_s = quantile(one, n, 0.5);
    r->scratch_s = quantile(scratch, n, 0.5);
}

/* The evidence of a batch: job q has that of query q, a random prefix in random states. */
static uint32_t *job_states(const llmsched_network *network, const bench_query *queries)
{
    uint32_t nodes = llmsched_network_node_count(network);
    uint32_t *states = malloc((size_t)QUERIES * nodes * sizeof *states);
    for (uint32_t q = 0; q < QUERIES; q++)
        for (uint32_t i = 0; i < nodes; i++)
            states[q * nodes + i] = i < queries[q].length ? queries[q].states[i] : UINT32_MAX;
    return states;
}

static double time_batch(llmsched_inference *inf, const uint32_t *states, double *out)
{
    static int32_t statuses[QUERIES];
    double begin = spent();
    bench_require(llmsched_inference_batch_marginals(inf, states, QUERIES, out, statuses, &err),
                  &err);
    return spent() - begin;
}

static double time_one_by_one(llmsched_inference *inf, const bench_query *queries, double *out)
{
    const size_t width = lls_inference_offsets(inf)[inf->network->count];
    double begin = spent();
    for (int q = 0; q < QUERIES; q++) {
        tell(inf, &queries[q]);
        ask(inf, out + (size_t)q * width);
    }
    return spent() - begin;
}

/* Ages of running stages: the two stages after a job's prefix are not in their first states. */
static double *job_likelihoods(const llmsched_inference *inf, const bench_query *queries,
                               uint32_t *states)
{
    const uint32_t *offsets = lls_inference_offsets(inf);
    uint32_t nodes = inf->network->count;
    double *likelihoods = calloc((size_t)QUERIES * offsets[nodes], sizeof *likelihoods);
    for (uint32_t q = 0; q < QUERIES; q++)
        for (uint32_t i = queries[q].length; i < nodes && i < queries[q].length + 2; i++) {
            double *row = likelihoods + (size_t)q * offsets[nodes] + offsets[i];
            uint32_t count = lls_states(inf->network, i), passed = queries[q].states[i] % count;
            states[q * nodes + i] = LLMSCHED_STATE_SOFT;
            for (uint32_t s = 0; s < count; s++)
                row[s] = s < passed ? 0.0 : s == passed ? 0.4 + q * 1e-4 : 1.0;
        }
    return likelihoods;
}

static double time_soft_one_by_one(llmsched_inference *inf, const bench_query *queries,
                                   const double *likelihoods, double *out)
{
    const uint32_t *offsets = lls_inference_offsets(inf);
    uint32_t nodes = inf->network->count;
    double begin = spent();
    for (uint32_t q = 0; q < QUERIES; q++) {
        const double *own = likelihoods + (size_t)q * offsets[nodes];
        tell(inf, &queries[q]);
        for (uint32_t i = queries[q].length; i < nodes && i < queries[q].length + 2; i++)
            (void)llmsched_inference_set_likelihood(inf, i, own + offsets[i],
                                                    offsets[i + 1] - offsets[i], NULL);
        ask(inf, out + (size_t)q * offsets[nodes]);
    }
    return spent() - begin;
}

/* The first batch with soft evidence of a calculator beside the same jobs one by one. */
static void measure_soft_batch(const llmsched_network *network, result *r)
{
    static double ratios[64];
    static int32_t statuses[QUERIES];
    uint32_t nodes = llmsched_network_node_count(network);
    for (int k = 0; k < repetitions; k++) {
        llmsched_inference *inf = bench_inference(network);
        bench_query *queries = bench_queries(network, QUERIES, 2000 + (uint64_t)k);
        uint32_t *states = job_states(network, queries);
        double *likelihoods = job_likelihoods(inf, queries, states);
        size_t bytes = (size_t)QUERIES * lls_inference_offsets(inf)[nodes] * sizeof(double);
        double *out = malloc(bytes);
        memset(out, 1, bytes);
        (void)time_soft_one_by_one(inf, queries, likelihoods, out);
        double single = time_soft_one_by_one(inf, queries, likelihoods, out), begin = spent();
        bench_require(llmsched_inference_batch_soft_marginals(inf, states, likelihoods, QUERIES,
                                                              out, statuses, &err),
                      &err);
        ratios[k] = single / (spent() - begin);
        free(out);
        free(likelihoods);
        free(states);
        free(queries);
        llmsched_inference_destroy(inf);
    }
    r->soft_batch = quantile(ratios, (size_t)repetitions, 0.5);
}

/*
 * Each round a new calculator answers the same jobs one by one (the second pass counts, its tables
 * being in the caches), then in its first batch, which finds nothing kept; then other jobs in its
 * second. Both ways leave all answers in memory. What is compared was measured within milliseconds,
 * and in time of the thread.
 */
static void measure_batch(const llmsched_network *network, result *r)
{
    enum { ROUNDS = 4 };
    static double rates[64 * ROUNDS], first[64 * ROUNDS], later[64 * ROUNDS];
    uint32_t nodes = llmsched_network_node_count(network), states_total;
    size_t rounds = (size_t)repetitions * ROUNDS;
    for (size_t k = 0; k < rounds; k++) {
        llmsched_inference *inf = bench_inference(network);
        bench_query *queries = bench_queries(network, QUERIES, 100 + k);
        bench_query *others = bench_queries(network, QUERIES, 1000 + k);
        uint32_t *states = job_states(network, queries), *more = job_states(network, others);
        states_total = lls_inference_offsets(inf)[nodes];
        double *out = malloc((size_t)QUERIES * states_total * sizeof *out);
        memset(out, 1, (size_t)QUERIES * states_total * sizeof *out); /* no page is new */
        (void)time_one_by_one(inf, queries, out);
        double single = time_one_by_one(inf, queries, out);
        double one = time_batch(inf, states, out), two = time_batch(inf, more, out);
        first[k] = single / one;
        later[k] = single / two;
        rates[k] = QUERIES / two;
        free(out);
        free(more);
        free(states);
        free(others);
        free(queries);
        llmsched_inference_destroy(inf);
    }
    r->first_batch = quantile(first, rounds, 0.5);
    r->later_batch = quantile(later, rounds, 0.5);
    r->batch_rate = quantile(rates, rounds, 0.5);
}

/* All pairs of unobserved nodes, a third of the nodes observed. */
static void measure_pairs(llmsched_inference *inf, const bench_query *queries, uint32_t nodes,
                          result *r)
{
    static double times[64];
    bench_query prefix = queries[0];
    prefix.length = nodes / 3;
    for (int k = 0; k < repetitions; k++) {
        uint32_t pairs = 0;
        tell(inf, &prefix);
        double begin = now(), value;
        for (uint32_t x = prefix.length; x < nodes; x++)
            for (uint32_t y = x + 1; y < nodes; y++, pairs++)
                bench_require(llmsched_inference_mutual_information(inf, x, &y, 1, &value, &err),
                              &err);
        times[k] = (now() - begin) / pairs;
    }
    r->pair_s = quantile(times, (size_t)repetitions, 0.5);
    for (int k = 0; k < repetitions; k++) {
        uint32_t others[4], sets = 0;
        tell(inf, &prefix);
        double begin = now(), value;
        for (uint32_t x = prefix.length; x + 4 < nodes; x++, sets++) {
            for (uint32_t i = 0; i < 4; i++)
                others[i] = x + 1 + i;
            bench_require(llmsched_inference_mutual_information(inf, x, others, 4, &value, &err),
                          &err);
        }
        times[k] = (now() - begin) / sets;
    }
    r->set_s = quantile(times, (size_t)repetitions, 0.5);
}

/* What elimination must look at: the entries of the cliques without the observed nodes' other
 * states. */
static double count_entries(const llmsched_inference *inf, const bench_query *queries)
{
    double sum = 0.0;
    for (int q = 0; q < QUERIES; q++)
        for (uint32_t b = 0; b < inf->tree.count; b++) {
            const lls_bucket *bucket = &inf->tree.buckets[b];
            uint32_t length = queries[q].length;
            double entries = bucket->node < length ? 1.0 : lls_states(inf->network, bucket->node);
            for (uint32_t d = 0; d < bucket->separator_count; d++) {
                uint32_t node = inf->tree.separators[bucket->separator + d];
                entries *= node < length ? 1.0 : lls_states(inf->network, node);
            }
            sum += entries > 1.0 ? entries : 0.0;
        }
    return sum / QUERIES;
}

/* Entries a second that a plain loop multiplies and adds up from the second cache. */
static double peak_rate(void)
{
    enum { ENTRIES = 1 << 15, PASSES = 200 };
    static double a[ENTRIES], b[ENTRIES];
    double best = 0.0;
    for (size_t i = 0; i < ENTRIES; i++)
        a[i] = 1.0 / (double)(i + 1);
    for (int k = 0; k < 9; k++) {
        double begin = now();
        for (int pass = 0; pass < PASSES; pass++)
            for (size_t i = 0; i < ENTRIES; i++)
                b[i] += a[i] * 0.5;
        double rate = (double)ENTRIES * PASSES / (now() - begin);
        best = rate > best ? rate : best;
    }
    return b[0] > 0.0 ? best : 0.0;
}

/* --- for other engines ---------------------------------------------------------------- */

static FILE *open_in(const char *folder, const char *name, const char *suffix)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s%s", folder, name, suffix);
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    return file;
}

static void export(const char *folder, const char *name, llmsched_inference *inf,
                   const bench_query *queries, double *out)
{
    llmsched_text *text = NULL;
    const uint32_t *offsets = lls_inference_offsets(inf);
    uint32_t nodes = llmsched_network_node_count(inf->network);
    FILE *file = open_in(folder, name, ".json");
    bench_require(llmsched_network_to_json(inf->network, &text, &err), &err);
    fwrite(llmsched_text_data(text), 1, llmsched_text_length(text), file);
    llmsched_text_destroy(text);
    fclose(file);
    file = open_in(folder, name, ".queries.json");
    for (int q = 0; q < EXPORTED; q++) {
        tell(inf, &queries[q]);
        ask(inf, out);
        fprintf(file, "%s{\"observed\": [", q == 0 ? "[" : ",\n ");
        for (uint32_t i = 0; i < queries[q].length; i++)
            fprintf(file, "%s%u", i == 0 ? "" : ", ", queries[q].states[i]);
        fprintf(file, "], \"marginals\": [");
        for (uint32_t i = 0; i < offsets[nodes]; i++)
            fprintf(file, "%s%.17g", i == 0 ? "" : ", ", out[i]);
        fprintf(file, "]}");
    }
    fprintf(file, "]\n");
    fclose(file);
}

/* --- memory ----------------------------------------------------------------------------- */

static double allocated; /* bytes asked for since the last reset; nothing is given back then */

static void *count_allocate(void *user, size_t bytes)
{
    (void)user;
    allocated += (double)bytes;
    return malloc(bytes);
}

static void *count_reallocate(void *user, void *ptr, size_t bytes)
{
    (void)user;
    allocated += (double)bytes;
    return realloc(ptr, bytes);
}

static void count_release(void *user, void *ptr)
{
    (void)user;
    free(ptr);
}

/* --- all ------------------------------------------------------------------------------- */

static void measure(const llmsched_network *network, const char *folder, result *r)
{
    double begin = now();
    allocated = 0.0;
    llmsched_inference *inf = bench_inference(network);
    r->compile_s = now() - begin;
    r->bytes = allocated;
    r->nodes = llmsched_network_node_count(network);
    r->largest_clique = inf->tree.largest_clique;
    bench_query *queries = bench_queries(network, QUERIES, 1);
    double *out = calloc(lls_inference_offsets(inf)[r->nodes], sizeof *out);
    r->entries = count_entries(inf, queries);
    measure_single(inf, queries, out, r);
    measure_incremental(inf, queries, r->nodes, out, r);
    measure_batch(network, r);
    measure_soft_batch(network, r);
    measure_pairs(inf, queries, r->nodes, r);
    if (folder != NULL)
        export(folder, r->name, inf, queries, out);
    free(out);
    free(queries);
    llmsched_inference_destroy(inf);
}

static void print_table(const result *results, size_t count, double peak)
{
    static const char *heads[] = {"queries/s", "median us", "p99 us", "one more",   "anew us",
                                  "next us",   "pair us",   "set us", "entries",    "to bound",
                                  "batch",     "first",     "soft",   "compile us", "KiB"};
    printf("%-9s", "network");
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        printf(" %10s", heads[i]);
    for (size_t i = 0; i < count; i++) {
        const result *r = &results[i];
        printf("\n%-9s %10.0f %10.2f %10.2f %10.2f %10.2f %10.2f %10.2f %10.2f", r->name, r->rate,
               1e6 * r->median_s, 1e6 * r->p99_s, 1e6 * r->incremental_s, 1e6 * r->scratch_s,
               1e6 * r->incremental_one_s, 1e6 * r->pair_s, 1e6 * r->set_s);
        printf(" %10.0f %10.2f %9.2fx %9.2fx %9.2fx %10.1f", r->entries,
               peak / r->entries / r->rate, r->later_batch, r->first_batch, r->soft_batch,
               1e6 * r->compile_s);
        printf(" %10.1f", r->bytes / 1024);
    }
    printf("\npeak: %.3g entries/s multiplied and added\n", peak);
}

static void write_json(const char *path, const result *results, size_t count, double peak)
{
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    fprintf(file, "{\"peak_entries_per_s\": %.6g, \"networks\": [", peak);
    for (size_t i = 0; i < count; i++) {
        const result *r = &results[i];
        fprintf(file,
                "%s\n {\"name\": \"%s\", \"nodes\": %u, \"largest_clique\": %llu, "
                "\"queries_per_s\": %.6g, \"batch_jobs_per_s\": %.6g, \"first_batch\": %.4g, "
                "\"later_batch\": %.4g, \"soft_batch\": %.4g, \"median_s\": %.4g, \"p99_s\": %.4g, "
                "\"incremental_s\": %.4g, \"scratch_s\": %.4g, \"incremental_one_s\": %.4g, "
                "\"pair_information_s\": %.4g, \"set_information_s\": %.4g, "
                "\"entries_per_query\": %.6g, \"compile_s\": %.4g, \"bytes\": %.0f}",
                i == 0 ? "" : ",", r->name, r->nodes, (unsigned long long)r->largest_clique,
                r->rate, r->batch_rate, r->first_batch, r->later_batch, r->soft_batch, r->median_s,
                r->p99_s, r->incremental_s, r->scratch_s, r->incremental_one_s, r->pair_s, r->set_s,
                r->entries, r->compile_s, r->bytes);
    }
    fprintf(file, "]}\n");
    fclose(file);
}

static void grow(llmsched_context *context, const char *what, bench_shape shape, uint32_t nodes,
                 uint32_t states, uint32_t window)
{
    result r = {.name = what};
    llmsched_network *network = bench_network(context, shape, nodes, states, window, 3);
    measure(network, NULL, &r);
    printf("%-8s %6u %6u %6u %10llu %10.2f %10.2f %10.1f %10.1f\n", what, nodes, states,
           shape == BENCH_DAG ? window : 1, (unsigned long long)r.largest_clique, 1e6 * r.median_s,
           1e6 / r.batch_rate, 1e6 * r.compile_s, r.bytes / 1024);
    llmsched_network_release(network);
}

static void print_growth(llmsched_context *context)
{
    printf("\n%-8s %6s %6s %6s %10s %10s %10s %10s %10s\n", "shape", "stages", "states", "window",
           "clique", "median us", "batch us", "compile us", "KiB");
    for (uint32_t nodes = 5; nodes <= 40; nodes *= 2)
        grow(context, "chain", BENCH_CHAIN, nodes, 6, 1);
    for (uint32_t states = 2; states <= 10; states += 2)
        grow(context, "chain", BENCH_CHAIN, 20, states, 1);
    for (uint32_t nodes = 5; nodes <= 40; nodes *= 2)
        grow(context, "dag", BENCH_DAG, nodes, 4, 4);
    for (uint32_t states = 2; states <= 8; states += 2)
        grow(context, "dag", BENCH_DAG, 20, states, 4);
    for (uint32_t window = 2; window <= 7; window++)
        grow(context, "dag", BENCH_DAG, 30, 4, window);
}

int main(int argc, char **argv)
{
    const char *json = NULL, *folder = NULL;
    bool growth = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--short") == 0) {
            repetitions = 3;
        } else if (strcmp(argv[i], "--growth") == 0) {
            growth = true;
        } else if (strcmp(argv[i], "--json") == 0 && i + 1 < argc) {
            json = argv[++i];
        } else if (strcmp(argv[i], "--export") == 0 && i + 1 < argc) {
            folder = argv[++i];
        } else {
            fprintf(
                stderr,
                "usage: bench_inference [--short] [--growth] [--json FILE] [--export FOLDER]\n");
            return 2;
        }
    }
    llmsched_context *context = NULL;
    uint64_t seed;
    llmsched_allocator allocator = {.size = sizeof allocator,
                                    .allocate = count_allocate,
                                    .reallocate = count_reallocate,
                                    .release = count_release};
    llmsched_context_options options = {.size = sizeof options, .allocator = &allocator};
    bench_require(llmsched_context_create(&options, &context, &err), &err);
    llmsched_network *networks[3] = {bench_network(context, BENCH_CHAIN, 12, 6, 1, 5),
                                     bench_network(context, BENCH_TREE, 20, 6, 1, 6),
                                     bench_dag(context, 30, 6, 7776, &seed)};
    result results[3] = {{.name = "chain-12"}, {.name = "tree-20"}, {.name = "dag-30"}};
    for (int i = 0; i < 3; i++) {
        measure(networks[i], folder, &results[i]);
        llmsched_network_release(networks[i]);
    }
    double peak = peak_rate();
    print_table(results, 3, peak);
    if (json != NULL)
        write_json(json, results, 3, peak);
    if (growth)
        print_growth(context);
    llmsched_context_destroy(context);
    return 0;
}
