/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Speed of exact inference on one thread. Prints a table; JSON where asked.
 *
 *     bench_inference [--short] [--gains] [--growth] [--json FILE] [--export FOLDER]
 *
 * --gains adds what it saves to tell one more stage rather than all anew, over many DAGs.
 * --growth prints only how time and memory grow with stages, states, width and jobs.
 * --export writes each network, for bench_peers and other engines.
 */
#include "batches.h"
#include "bounds.h"
#include "steps.h"

typedef struct result {
    const char *name;
    uint32_t nodes;
    uint64_t largest_clique;
    double compile_s;
    double bytes;           /* of the calculator */
    double entries;         /* of the cliques that a query leaves, on average */
    double straight_s;      /* of a program that does only the sums of such a query */
    double rate;            /* queries a second: median of the repetitions */
    double median_s, p99_s; /* of single queries */
    double scratch_mean_s, scratch_median_s, scratch_p99_s; /* by a calculator that keeps nothing */
    double incremental_s;                                   /* one more stage told, all marginals */
    double scratch_s;           /* the same evidence told to a calculator that keeps nothing */
    double first_incremental_s; /* the first in the calculator that keeps just the last answer */
    double gain, first_gain;    /* median ratios to scratch_s */
    double incremental_one_s;   /* one more stage told, the next stage's marginal */
    bench_batch batch;
    double pair_s; /* mutual information of a pair */
    double set_s;  /* of a stage with the next four together */
} result;

/* By a calculator that keeps nothing from one query to the next. */
static void measure_scratch(llmsched_inference *inf, double clock_s, double *out, result *r)
{
    static double means[64], latencies[QUERIES * 64];
    size_t n = 0;
    for (int k = 0; k < repetitions; k++) {
        bench_query *queries = bench_queries(inf->network, QUERIES, (uint64_t)(2000 + k));
        means[k] = 0.0;
        for (int q = 0; q < QUERIES; q++) {
            lls_posterior_forget(inf);
            double begin = now();
            tell(inf, &queries[q]);
            ask(inf, out);
            latencies[n] = since(begin, clock_s);
            means[k] += latencies[n++] / QUERIES;
        }
        free(queries);
    }
    r->scratch_mean_s = quantile(means, (size_t)repetitions, 0.5);
    r->scratch_median_s = quantile(latencies, n, 0.5);
    r->scratch_p99_s = quantile(latencies, n, 0.99);
}

/* No query comes twice: what is kept of answers helps as far as parts of other queries agree. */
static void measure_single(llmsched_inference *inf, double *out, result *r)
{
    static double rates[64], latencies[QUERIES * 64];
    const double clock_s = clock_cost();
    size_t n = 0;
    for (int k = -1; k < repetitions; k++) { /* the first warms up */
        bench_query *queries = bench_queries(inf->network, QUERIES, (uint64_t)(1000 + k));
        double begin = now();
        for (int q = 0; q < QUERIES; q++) {
            tell(inf, &queries[q]);
            ask(inf, out);
        }
        if (k >= 0)
            rates[k] = QUERIES / (now() - begin);
        free(queries);
    }
    for (int k = 0; k < repetitions; k++) {
        bench_query *queries = bench_queries(inf->network, QUERIES, (uint64_t)(2000 + k));
        for (int q = 0; q < QUERIES; q++) {
            double begin = now();
            tell(inf, &queries[q]);
            ask(inf, out);
            latencies[n++] = since(begin, clock_s);
        }
        free(queries);
    }
    r->rate = quantile(rates, (size_t)repetitions, 0.5);
    r->median_s = quantile(latencies, n, 0.5);
    r->p99_s = quantile(latencies, n, 0.99);
    measure_scratch(inf, clock_s, out, r);
}

static void measure_incremental(const llmsched_network *network, result *r)
{
    static step_times times[MOST_TIMES];
    static double values[6][MOST_TIMES];
    double *results[] = {&r->incremental_s, &r->first_incremental_s,
                         &r->scratch_s,     &r->incremental_one_s,
                         &r->gain,          &r->first_gain};
    uint32_t n = time_steps(network, 1, times);
    for (uint32_t i = 0; i < n; i++) {
        values[0][i] = times[i].all;
        values[1][i] = times[i].first;
        values[2][i] = times[i].scratch;
        values[3][i] = times[i].next;
        values[4][i] = times[i].scratch / times[i].all;
        values[5][i] = times[i].scratch / times[i].first;
    }
    for (int what = 0; what < 6; what++)
        *results[what] = quantile(values[what], n, 0.5);
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

static void export(const char *folder, const char *name, const llmsched_network *network)
{
    llmsched_text *text = NULL;
    FILE *file = open_in(folder, name, ".json");
    bench_require(llmsched_network_to_json(network, &text, &err), &err);
    fwrite(llmsched_text_data(text), 1, llmsched_text_length(text), file);
    llmsched_text_destroy(text);
    fclose(file);
}

/* --- all ------------------------------------------------------------------------------- */

static void measure(const llmsched_network *network, const char *folder, result *r)
{
    double begin = now();
    llmsched_inference *inf = bench_inference(network);
    r->compile_s = now() - begin;
    r->bytes = (double)llmsched_inference_bytes(inf);
    r->nodes = llmsched_network_node_count(network);
    r->largest_clique = inf->tree.largest_clique;
    bench_query *queries = bench_queries(network, QUERIES, 1);
    double *out = calloc(lls_inference_offsets(inf)[r->nodes], sizeof *out);
    r->entries = count_entries(inf, queries);
    r->straight_s = straight_time(inf, queries);
    measure_single(inf, out, r);
    measure_incremental(network, r);
    measure_batch(network, &r->batch);
    measure_soft_batch(network, &r->batch);
    measure_pairs(inf, queries, r->nodes, r);
    if (folder != NULL)
        export(folder, r->name, network);
    free(out);
    free(queries);
    llmsched_inference_destroy(inf);
}

typedef struct column {
    const char *head;
    double value;
} column;

static void print_row(const result *r, double peak, bool heads)
{
    const double kept = r->rate, scratch = 1.0 / r->scratch_mean_s;
    const column columns[] = {{"queries/s", kept},
                              {"median us", 1e6 * r->median_s},
                              {"p99 us", 1e6 * r->p99_s},
                              {"anew/s", scratch},
                              {"median us", 1e6 * r->scratch_median_s},
                              {"p99 us", 1e6 * r->scratch_p99_s},
                              {"one more", 1e6 * r->incremental_s},
                              {"first job", 1e6 * r->first_incremental_s},
                              {"anew us", 1e6 * r->scratch_s},
                              {"gain", r->gain},
                              {"first gain", r->first_gain},
                              {"next us", 1e6 * r->incremental_one_s},
                              {"pair us", 1e6 * r->pair_s},
                              {"set us", 1e6 * r->set_s},
                              {"entries", r->entries},
                              {"to peak", peak / r->entries / kept},
                              {"anew", peak / r->entries / scratch},
                              {"to sums", 1.0 / kept / r->straight_s},
                              {"anew", 1.0 / scratch / r->straight_s},
                              {"batch x", r->batch.later_batch},
                              {"first x", r->batch.first_batch},
                              {"soft x", r->batch.soft_batch},
                              {"compile us", 1e6 * r->compile_s},
                              {"KiB", r->bytes / 1024}};
    printf("%-9s", heads ? "network" : r->name);
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        if (heads)
            printf(" %10s", columns[i].head);
        else
            printf(" %10.*f", columns[i].value >= 1e3 ? 0 : 2, columns[i].value);
    printf("\n");
}

static void print_table(const result *results, size_t count, double peak)
{
    print_row(&results[0], peak, true);
    for (size_t i = 0; i < count; i++)
        print_row(&results[i], peak, false);
    printf("peak: %.3g entries/s multiplied and added\n", peak);
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
        fprintf(
            file,
            "%s\n {\"name\": \"%s\", \"nodes\": %u, \"largest_clique\": %llu, "
            "\"queries_per_s\": %.6g, \"batch_jobs_per_s\": %.6g, \"first_batch\": "
            "%.6g, \"median_s\": %.4g, \"p99_s\": %.4g, "
            "\"incremental_s\": %.4g, \"scratch_s\": %.4g, \"incremental_gain\": %.4g, "
            "\"first_incremental_gain\": %.4g, \"scratch_mean_s\": %.4g, \"scratch_p99_s\": %.4g, "
            "\"incremental_one_s\": %.4g, "
            "\"pair_information_s\": %.4g, \"set_information_s\": %.4g, "
            "\"entries_per_query\": %.6g, \"straight_s\": %.4g, \"compile_s\": %.4g, "
            "\"bytes\": %.0f}",
            i == 0 ? "" : ",", r->name, r->nodes, (unsigned long long)r->largest_clique, r->rate,
            r->batch.batch_rate, r->batch.first_batch, r->median_s, r->p99_s, r->incremental_s,
            r->scratch_s, r->gain, r->first_gain, r->scratch_mean_s, r->scratch_p99_s,
            r->incremental_one_s, r->pair_s, r->set_s, r->entries, r->straight_s, r->compile_s,
            r->bytes);
    }
    fprintf(file, "]}\n");
    fclose(file);
}

/* --- growth ------------------------------------------------------------------------------ */

/* Points of a curve, for the exponent of y ~ x^b by least squares of the logarithms. */
typedef struct curve {
    uint32_t count;
    double x, y, xx, xy;
} curve;

static void add_point(curve *c, double x, double y)
{
    x = log(x);
    y = log(y);
    c->count++;
    c->x += x;
    c->y += y;
    c->xx += x * x;
    c->xy += x * y;
}

static double exponent_of(const curve *c)
{
    double n = c->count;
    return (n * c->xy - c->x * c->y) / (n * c->xx - c->x * c->x);
}

/* Median of several passes, the first of which warms up; no query comes twice. */
static double time_queries(llmsched_inference *inf, double *out)
{
    enum { PASSES = 30 };
    double means[PASSES];
    for (int k = -1; k < PASSES; k++) {
        bench_query *queries = bench_queries(inf->network, QUERIES, (uint64_t)(300 + k));
        double begin = now();
        for (int q = 0; q < QUERIES; q++) {
            tell(inf, &queries[q]);
            ask(inf, out);
        }
        if (k >= 0)
            means[k] = (now() - begin) / QUERIES;
        free(queries);
    }
    return quantile(means, PASSES, 0.5);
}

/* Seconds a job in a call of so many jobs, other ones in each call: the least again. */
static double time_jobs(llmsched_inference *inf, uint32_t jobs)
{
    double least = INFINITY;
    uint32_t nodes = llmsched_network_node_count(inf->network);
    uint32_t *states = calloc((size_t)jobs * nodes, sizeof *states);
    int32_t *statuses = calloc(jobs, sizeof *statuses);
    size_t size = (size_t)jobs * lls_inference_offsets(inf)[nodes] * sizeof(double);
    double *out = malloc(size);
    memset(out, 1, size);
    for (uint64_t k = 0; k < (jobs > 1024 ? 4 : 12); k++) {
        bench_query *queries = bench_queries(inf->network, jobs, 200 + k);
        for (uint32_t q = 0; q < jobs; q++)
            for (uint32_t i = 0; i < nodes; i++)
                states[q * nodes + i] = i < queries[q].length ? queries[q].states[i] : UINT32_MAX;
        free(queries);
        double begin = now();
        bench_require(llmsched_inference_batch_marginals(inf, states, jobs, out, statuses, &err),
                      &err);
        least = fmin(least, (now() - begin) / jobs);
    }
    free(out);
    free(statuses);
    free(states);
    return least;
}

/* What grows: the x of the two curves. */
typedef enum axis { BY_STAGES, BY_STATES, BY_CLIQUE } axis;

static void grow(llmsched_context *context, axis by, bench_shape shape, uint32_t nodes,
                 uint32_t states, uint32_t window, curve *single, curve *batch)
{
    result r = {.name = ""};
    llmsched_network *network = bench_network(context, shape, nodes, states, window, 3);
    double begin = now();
    llmsched_inference *inf = bench_inference(network);
    r.compile_s = now() - begin;
    r.bytes = (double)llmsched_inference_bytes(inf);
    r.largest_clique = inf->tree.largest_clique;
    double *out = calloc(lls_inference_offsets(inf)[nodes], sizeof *out);
    double query = time_queries(inf, out);
    double job = time_jobs(inf, QUERIES);
    printf("%-8s %6u %6u %6u %10llu %10.2f %10.3f %10.1f %10.1f\n",
           shape == BENCH_DAG ? "dag" : "chain", nodes, states, shape == BENCH_DAG ? window : 1,
           (unsigned long long)r.largest_clique, 1e6 * query, 1e6 * job, 1e6 * r.compile_s,
           r.bytes / 1024);
    double x = by == BY_STAGES ? nodes : by == BY_STATES ? states : (double)r.largest_clique;
    add_point(single, x, query);
    add_point(batch, x, job);
    free(out);
    llmsched_inference_destroy(inf);
    llmsched_network_release(network);
}

static void print_exponents(const char *what, const curve *single, const curve *batch)
{
    printf("  query ~ %s^%.2f, job of a batch ~ %s^%.2f\n", what, exponent_of(single), what,
           exponent_of(batch));
}

static void grow_jobs(llmsched_context *context)
{
    llmsched_network *network = bench_network(context, BENCH_DAG, 20, 6, 4, 3);
    llmsched_inference *inf = bench_inference(network);
    curve c = {0};
    printf("\n%-8s %12s %14s\n", "jobs", "us a job", "us altogether");
    for (uint32_t jobs = 1; jobs <= 65536; jobs *= 4) {
        double job = time_jobs(inf, jobs);
        printf("%-8u %12.3f %14.1f\n", jobs, 1e6 * job, 1e6 * job * jobs);
        add_point(&c, jobs, job * jobs);
    }
    printf("  batch ~ jobs^%.2f\n", exponent_of(&c));
    llmsched_inference_destroy(inf);
    llmsched_network_release(network);
}

static void print_growth(llmsched_context *context)
{
    enum { CURVES = 5 };
    static const char *names[CURVES] = {"stages", "states", "stages", "states", "clique"};
    curve single[CURVES] = {{0}}, batch[CURVES] = {{0}};
    printf("\n%-8s %6s %6s %6s %10s %10s %10s %10s %10s\n", "shape", "stages", "states", "window",
           "clique", "query us", "job us", "compile us", "KiB");
    for (uint32_t nodes = 5; nodes <= 80; nodes *= 2)
        grow(context, BY_STAGES, BENCH_CHAIN, nodes, 6, 1, &single[0], &batch[0]);
    print_exponents(names[0], &single[0], &batch[0]);
    for (uint32_t states = 2; states <= 16; states += 2)
        grow(context, BY_STATES, BENCH_CHAIN, 20, states, 1, &single[1], &batch[1]);
    print_exponents(names[1], &single[1], &batch[1]);
    for (uint32_t nodes = 5; nodes <= 80; nodes *= 2)
        grow(context, BY_STAGES, BENCH_DAG, nodes, 4, 4, &single[2], &batch[2]);
    print_exponents(names[2], &single[2], &batch[2]);
    for (uint32_t states = 2; states <= 16; states += 2)
        grow(context, BY_STATES, BENCH_DAG, 20, states, 3, &single[3], &batch[3]);
    print_exponents(names[3], &single[3], &batch[3]);
    for (uint32_t window = 2; window <= 9; window++)
        grow(context, BY_CLIQUE, BENCH_DAG, 30, 4, window, &single[4], &batch[4]);
    print_exponents(names[4], &single[4], &batch[4]);
    grow_jobs(context);
}

int main(int argc, char **argv)
{
    const char *json = NULL, *folder = NULL;
    bool growth = false, many = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--short") == 0) {
            repetitions = 3;
        } else if (strcmp(argv[i], "--growth") == 0) {
            growth = true;
        } else if (strcmp(argv[i], "--gains") == 0) {
            many = true;
        } else if (strcmp(argv[i], "--json") == 0 && i + 1 < argc) {
            json = argv[++i];
        } else if (strcmp(argv[i], "--export") == 0 && i + 1 < argc) {
            folder = argv[++i];
        } else {
            fprintf(stderr, "usage: bench_inference [--short] [--gains] [--growth] [--json FILE] "
                            "[--export FOLDER]\n");
            return 2;
        }
    }
    llmsched_context *context = NULL;
    uint64_t seed;
    bench_require(llmsched_context_create(NULL, &context, &err), &err);
    if (growth) {
        print_growth(context);
        llmsched_context_destroy(context);
        return 0;
    }
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
    if (many)
        print_gains(context);
    llmsched_context_destroy(context);
    return 0;
}
