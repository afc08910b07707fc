/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queries of a given network, for other engines to answer too (run.py).
 *
 *     bench_peers [--short] FOLDER NAME
 *
 * Reads FOLDER/NAME.json, form llmsched-bn-1, and writes FOLDER/NAME.queries.json: evidence drawn
 * from the network itself on random nodes, the answers, and how long each took. Queries are of two
 * kinds: all marginals given up to half of the nodes, and one marginal given up to five.
 */
#define _POSIX_C_SOURCE 200809L
#include "networks.h"

#include <time.h>

enum { ALL = 48, ONE = 48, FEW = 5, PATH = 4096 };

typedef struct query {
    uint32_t target; /* LLS_NONE32: all */
    uint32_t count;
    uint32_t *order, *states; /* observed: the first `count` of order; states are by node */
    double seconds;           /* least of the repetitions */
} query;

static llmsched_error err;
static double budget; /* seconds for all repetitions */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static FILE *open_in(const char *folder, const char *name, const char *suffix, const char *mode)
{
    char path[PATH];
    snprintf(path, sizeof path, "%s/%s%s", folder, name, suffix);
    FILE *file = fopen(path, mode);
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    return file;
}

static llmsched_network *load(llmsched_context *context, const char *folder, const char *name)
{
    llmsched_network *network = NULL;
    FILE *file = open_in(folder, name, ".json", "rb");
    size_t length = 0, room = 1 << 20;
    char *text = malloc(room);
    for (size_t n; (n = fread(text + length, 1, room - length, file)) > 0;)
        if ((length += n) == room)
            text = realloc(text, room *= 2);
    fclose(file);
    bench_require(llmsched_network_from_json(context, text, length, &network, &err), &err);
    free(text);
    return network;
}

/* Evidence on some nodes of a random order, in the states of a draw from the network. */
static void draw_query(llmsched_inference *inf, lls_random *random, bool all, query *q)
{
    uint32_t nodes = llmsched_network_node_count(inf->network);
    q->order = malloc(nodes * sizeof *q->order);
    q->states = malloc(nodes * sizeof *q->states);
    llmsched_inference_clear(inf);
    bench_require(lls_inference_sample(inf, random, q->states, &err), &err);
    for (uint32_t i = 0; i < nodes; i++) {
        uint32_t j = lls_random_below(random, i + 1);
        q->order[i] = q->order[j];
        q->order[j] = i;
    }
    uint32_t most = all ? nodes / 2 : FEW;
    q->count = lls_random_below(random, (most < nodes ? most : nodes - 1) + 1);
    q->target = all ? LLS_NONE32 : q->order[nodes - 1];
}

static void answer(llmsched_inference *inf, const query *q, double *out)
{
    llmsched_inference_clear(inf);
    for (uint32_t i = 0; i < q->count; i++)
        (void)llmsched_inference_set_state(inf, q->order[i], q->states[q->order[i]], NULL);
    if (q->target == LLS_NONE32)
        bench_require(lls_inference_marginals(inf, out, &err), &err);
    else
        bench_require(
            llmsched_inference_marginal(
                inf, q->target, out, llmsched_network_state_count(inf->network, q->target), &err),
            &err);
}

/* In turn over all queries, so that each finds the caches as others left them. */
static void measure(llmsched_inference *inf, query *queries, double *out)
{
    double end = now() + budget;
    for (int k = 0; k < 3 || (k < 1000 && now() < end); k++)
        for (query *q = queries; q < queries + ALL + ONE; q++) {
            double begin = now();
            answer(inf, q, out);
            double seconds = now() - begin;
            q->seconds = k == 0 || seconds < q->seconds ? seconds : q->seconds;
        }
}

static void write_query(FILE *file, llmsched_inference *inf, const query *q, double *out)
{
    const uint32_t *offsets = lls_inference_offsets(inf);
    uint32_t nodes = llmsched_network_node_count(inf->network);
    uint32_t count = q->target == LLS_NONE32
                         ? offsets[nodes]
                         : llmsched_network_state_count(inf->network, q->target);
    answer(inf, q, out);
    fprintf(file, "{\"seconds\": %.4g, \"evidence\": {", q->seconds);
    for (uint32_t i = 0; i < q->count; i++)
        fprintf(file, "%s\"%u\": %u", i == 0 ? "" : ", ", q->order[i], q->states[q->order[i]]);
    fprintf(file,
            q->target == LLS_NONE32 ? "}, \"marginals\": ["
                                    : "}, \"target\": %u, "
                                      "\"marginals\": [",
            q->target);
    for (uint32_t i = 0; i < count; i++)
        fprintf(file, "%s%.17g", i == 0 ? "" : ", ", out[i]);
    fprintf(file, "]}");
}

int main(int argc, char **argv)
{
    static query queries[ALL + ONE];
    bool brief = argc > 1 && strcmp(argv[1], "--short") == 0;
    if (argc != 3 + brief) {
        fprintf(stderr, "usage: bench_peers [--short] FOLDER NAME\n");
        return 2;
    }
    const char *folder = argv[1 + brief], *name = argv[2 + brief];
    budget = brief ? 0.1 : 2.0;
    llmsched_context *context = NULL;
    bench_require(llmsched_context_create(NULL, &context, &err), &err);
    llmsched_network *network = load(context, folder, name);
    double begin = now();
    llmsched_inference *inf = bench_inference(network);
    double making = now() - begin;
    uint32_t nodes = llmsched_network_node_count(network);
    double *out = calloc(lls_inference_offsets(inf)[nodes], sizeof *out);
    lls_random random;
    lls_random_seed(&random, 11);
    for (int i = 0; i < ALL + ONE; i++)
        draw_query(inf, &random, i < ALL, &queries[i]);
    measure(inf, queries, out);
    FILE *file = open_in(folder, name, ".queries.json", "w");
    fprintf(file, "{\"nodes\": %u, \"largest_clique\": %llu, \"compile_s\": %.4g, \"queries\": [",
            nodes, (unsigned long long)inf->tree.largest_clique, making);
    for (int i = 0; i < ALL + ONE; i++) {
        fprintf(file, i == 0 ? "\n" : ",\n");
        write_query(file, inf, &queries[i], out);
    }
    fprintf(file, "]}\n");
    fclose(file);
    for (int i = 0; i < ALL + ONE; i++) {
        free(queries[i].order);
        free(queries[i].states);
    }
    free(out);
    llmsched_inference_destroy(inf);
    llmsched_network_release(network);
    llmsched_context_destroy(context);
    return 0;
}
