/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three quantiles of the remaining LLM work in profiles of files: by draws and on grids, after new
 * evidence each time; and how wide the grid's stated error is beside the standard deviation.
 *
 *     bench_distribution PROFILE.json...
 */
#define _POSIX_C_SOURCE 200809L

#include <llmsched/llmsched.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { WAYS = 4, STEPS = 6, REPEATS = 3, ROOM = 8192 };

static const uint32_t CELLS[WAYS] = {0, 256, 512, 1024}; /* 0: draws */

struct result {
    double microseconds, error; /* per set of quantiles; of the prior, in standard deviations */
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void check(llmsched_status status, const llmsched_error *err)
{
    if (status == LLMSCHED_OK)
        return;
    fprintf(stderr, "bench_distribution: %s\n", err->message);
    exit(1);
}

static char *read_all(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    size_t room = (size_t)1 << 26;
    char *text = malloc(room);
    if (file == NULL || text == NULL) {
        fprintf(stderr, "bench_distribution: cannot read %s\n", path);
        exit(1);
    }
    *length = fread(text, 1, room, file);
    fclose(file);
    return text;
}

/* Stage `at` runs, those before have ended. */
static void tell(llmsched_quantifier *q, llmsched_stage_evidence *e, uint32_t stages, uint32_t at)
{
    llmsched_error err = {.size = sizeof err};
    llmsched_remaining remaining = {.size = sizeof remaining};
    for (uint32_t t = 0; t < stages; t++) {
        e[t] = (llmsched_stage_evidence){.size = sizeof e[t]};
        e[t].state = t < at    ? LLMSCHED_EVIDENCE_FINISHED
                     : t == at ? LLMSCHED_EVIDENCE_PRESENT
                               : LLMSCHED_EVIDENCE_UNKNOWN;
        e[t].work_s = t < at ? 1.0 : 0.0;
    }
    check(llmsched_quantifier_set_evidence(q, e, stages, &err), &err);
    check(llmsched_quantifier_remaining(q, 0, &remaining, &err),
          &err); /* the marginals are there */
}

static double time_pass(llmsched_quantifier *q, llmsched_stage_evidence *e, uint32_t stages)
{
    static const double levels[] = {0.1, 0.5, 0.9};
    llmsched_error err = {.size = sizeof err};
    double quantiles[3], spent = 0.0;
    uint32_t steps = stages < STEPS ? stages : STEPS;
    for (uint32_t at = 0; at < steps; at++) {
        tell(q, e, stages, at);
        double start = now();
        check(llmsched_quantifier_quantiles(q, LLMSCHED_STAGE_LLM, levels, 3, quantiles, &err),
              &err);
        spent += now() - start;
    }
    return spent / steps;
}

static double error_of(llmsched_quantifier *q, llmsched_stage_evidence *e, uint32_t stages)
{
    static double values[ROOM], probabilities[ROOM];
    llmsched_error err = {.size = sizeof err};
    llmsched_distribution d = {.size = sizeof d};
    double variance = 0.0;
    tell(q, e, stages, 0);
    check(llmsched_quantifier_distribution(q, LLMSCHED_STAGE_LLM, values, probabilities, ROOM, &d,
                                           &err),
          &err);
    check(llmsched_quantifier_variance(q, LLMSCHED_STAGE_LLM, &variance, &err), &err);
    return variance > 0.0 ? d.value_error_s / sqrt(variance) : 0.0;
}

static void measure(const llmsched_profile *profile, uint32_t cells, struct result *result)
{
    llmsched_error err = {.size = sizeof err};
    llmsched_quantifier_options options = {
        .size = sizeof options, .draws = cells == 0, .cells = cells};
    llmsched_quantifier *q = NULL;
    uint32_t stages = llmsched_dag_stage_count(llmsched_profile_dag(profile));
    llmsched_stage_evidence *e = calloc(stages, sizeof *e);
    check(llmsched_quantifier_create(profile, &options, &q, &err), &err);
    result->microseconds = INFINITY;
    for (uint32_t i = 0; i < REPEATS; i++)
        result->microseconds = fmin(result->microseconds, 1e6 * time_pass(q, e, stages));
    result->error = cells > 0 ? error_of(q, e, stages) : 0.0;
    llmsched_quantifier_destroy(q);
    free(e);
}

static void print(const char *name, const struct result *r, double share)
{
    printf("%-60.60s", name);
    for (uint32_t k = 0; k < WAYS; k++)
        printf(" %7.0f", r[k].microseconds * share);
    for (uint32_t k = 1; k < WAYS; k++)
        printf(" %6.3f", r[k].error * share);
    putchar('\n');
}

int main(int argc, char **argv)
{
    llmsched_error err = {.size = sizeof err};
    llmsched_context *context = NULL;
    struct result sum[WAYS] = {{0.0, 0.0}};
    check(llmsched_context_create(NULL, &context, &err), &err);
    printf("%-60s   draws     256     512    1024 us; error/sd 256, 512, 1024\n", "profile");
    for (int i = 1; i < argc; i++) {
        struct result results[WAYS];
        llmsched_profile *profile = NULL;
        size_t length;
        char *text = read_all(argv[i], &length);
        check(llmsched_profile_from_json(context, text, length, &profile, &err), &err);
        free(text);
        for (uint32_t k = 0; k < WAYS; k++) {
            measure(profile, CELLS[k], &results[k]);
            sum[k].microseconds += results[k].microseconds;
            sum[k].error += results[k].error;
        }
        print(argv[i], results, 1.0);
        llmsched_profile_release(profile);
    }
    if (argc > 1)
        print("mean", sum, 1.0 / (argc - 1));
    llmsched_context_destroy(context);
    return 0;
}
