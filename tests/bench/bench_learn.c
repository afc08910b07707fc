/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long learning takes: tables drawn from random networks, the order given and free. Prints a
 * table, or with --json one object; --csv FOLDER writes the tables for other programs; --growth
 * prints only how the time grows with rows and columns.
 */
#define _POSIX_C_SOURCE 200809L
#include "llmsched/llmsched.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct size {
    const char *name;
    uint32_t rows, columns, least_states, most_states, order;
};

static const struct size SIZES[] = {
    {"500x12", 500, 12, 2, 6, LLMSCHED_ORDER_GIVEN},
    {"5000x20", 5000, 20, 2, 6, LLMSCHED_ORDER_GIVEN},
    {"5000x20-six", 5000, 20, 6, 6, LLMSCHED_ORDER_GIVEN},
    {"10000x30", 10000, 30, 2, 6, LLMSCHED_ORDER_GIVEN},
    {"10000x30-six", 10000, 30, 6, 6, LLMSCHED_ORDER_GIVEN},
    {"100000x30", 100000, 30, 2, 6, LLMSCHED_ORDER_GIVEN},
    {"500x12-free", 500, 12, 2, 6, LLMSCHED_ORDER_FREE},
    {"5000x20-free", 5000, 20, 2, 6, LLMSCHED_ORDER_FREE},
    {"10000x30-free", 10000, 30, 2, 6, LLMSCHED_ORDER_FREE},
};

enum { MOST_COLUMNS = 40, MOST_STATES = 6, REPEATS = 7 };

/* --- tables --------------------------------------------------------------------------- */

static uint64_t state_of_random;

static double uniform(void)
{
    uint64_t z = (state_of_random += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static uint32_t below(uint32_t bound)
{
    return (uint32_t)(uniform() * bound);
}

/* A table of a column given up to two columns before it; its rows are uneven. */
struct column {
    uint32_t states, parent[2];
    double odds[MOST_STATES * MOST_STATES][MOST_STATES];
};

static void make_column(struct column *c, uint32_t index, const struct size *size)
{
    c->states = size->least_states + below(size->most_states - size->least_states + 1);
    for (uint32_t p = 0; p < 2; p++)
        c->parent[p] = index > 0 ? below(index) : 0;
    for (uint32_t j = 0; j < MOST_STATES * MOST_STATES; j++)
        for (uint32_t k = 0; k < c->states; k++) {
            double u = uniform();
            c->odds[j][k] = u * u * u;
        }
}

static uint32_t draw(const struct column *c, const uint32_t *row)
{
    const double *odds = c->odds[row[c->parent[0]] * MOST_STATES + row[c->parent[1]]];
    double sum = 0.0;
    for (uint32_t k = 0; k < c->states; k++)
        sum += odds[k];
    double at = uniform() * sum;
    uint32_t k = 0;
    while (k + 1 < c->states && (at -= odds[k]) >= 0.0)
        k++;
    return k;
}

static uint32_t *make_table(const struct size *size)
{
    static struct column columns[MOST_COLUMNS];
    uint32_t *cells = calloc((size_t)size->rows * size->columns, sizeof *cells);
    state_of_random = 7 + size->rows + size->columns + size->least_states;
    for (uint32_t c = 0; c < size->columns; c++)
        make_column(&columns[c], c, size);
    for (uint32_t r = 0; cells != NULL && r < size->rows; r++) {
        uint32_t *row = cells + (size_t)r * size->columns;
        for (uint32_t c = 0; c < size->columns; c++)
            row[c] = draw(&columns[c], row);
    }
    return cells;
}

static void write_csv(const char *folder, const struct size *size, const uint32_t *cells)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.csv", folder, size->name);
    FILE *file = fopen(path, "w");
    if (file == NULL)
        return;
    for (uint32_t c = 0; c < size->columns; c++)
        fprintf(file, "%sv%" PRIu32, c > 0 ? "," : "", c);
    for (size_t i = 0; i < (size_t)size->rows * size->columns; i++)
        fprintf(file, "%c%" PRIu32, i % size->columns == 0 ? '\n' : ',', cells[i]);
    fputc('\n', file);
    fclose(file);
}

/* --- measuring ---------------------------------------------------------------------------- */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Median seconds, the least, and the score. */
static double measure(llmsched_context *context, const struct size *size, const uint32_t *cells,
                      uint32_t score_kind, double *score, double *least)
{
    double times[REPEATS];
    const llmsched_table table = {
        .size = sizeof table, .columns = size->columns, .rows = size->rows, .cells = cells};
    const llmsched_learn_options options = {
        .size = sizeof options, .order = size->order, .score = score_kind};
    for (uint32_t i = 0; i < REPEATS; i++) {
        llmsched_network *network = NULL;
        llmsched_error err = {.size = sizeof err};
        double start = now();
        if (llmsched_network_learn(context, &table, &options, &network, score, &err) !=
            LLMSCHED_OK) {
            fprintf(stderr, "%s: %s\n", size->name, err.message);
            exit(1);
        }
        times[i] = now() - start;
        llmsched_network_release(network);
    }
    qsort(times, REPEATS, sizeof *times, ascending);
    *least = times[0];
    return times[REPEATS / 2];
}

/* --- growth ------------------------------------------------------------------------------- */

/* Prints the curve and the exponent of seconds ~ x^b by least squares of the logarithms. */
static void grow(llmsched_context *context, const struct size *sizes, uint32_t count, bool by_rows)
{
    double n = count, x = 0.0, y = 0.0, xx = 0.0, xy = 0.0, score;
    printf("%10s %8s %12s\n", "rows", "columns", "least ms");
    for (uint32_t i = 0; i < count; i++) {
        uint32_t *cells = make_table(&sizes[i]);
        if (cells == NULL)
            exit(1);
        double seconds;
        (void)measure(context, &sizes[i], cells, LLMSCHED_SCORE_BIC, &score, &seconds);
        double a = log(by_rows ? sizes[i].rows : sizes[i].columns), b = log(seconds);
        printf("%10" PRIu32 " %8" PRIu32 " %12.3f\n", sizes[i].rows, sizes[i].columns,
               1e3 * seconds);
        x += a;
        y += b;
        xx += a * a;
        xy += a * b;
        free(cells);
    }
    printf("  learning ~ %s^%.2f\n", by_rows ? "rows" : "columns",
           (n * xy - x * y) / (n * xx - x * x));
}

static void print_growth(llmsched_context *context)
{
    struct size sizes[5];
    for (uint32_t i = 0, rows = 100; i < 5; i++, rows *= 10)
        sizes[i] = (struct size){"rows", rows, 20, 2, 6, LLMSCHED_ORDER_GIVEN};
    grow(context, sizes, 5, true);
    for (uint32_t i = 0, columns = 5; i < 4; i++, columns *= 2)
        sizes[i] = (struct size){"columns", 5000, columns, 2, 6, LLMSCHED_ORDER_GIVEN};
    grow(context, sizes, 4, false);
}

int main(int argc, char **argv)
{
    bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
    const char *folder = argc > 2 && strcmp(argv[1], "--csv") == 0 ? argv[2] : NULL;
    llmsched_context *context = NULL;
    if (llmsched_context_create(NULL, &context, NULL) != LLMSCHED_OK)
        return 1;
    if (argc > 1 && strcmp(argv[1], "--growth") == 0) {
        print_growth(context);
        llmsched_context_destroy(context);
        return 0;
    }
    if (json)
        printf("{\"format\":\"llmsched-bench-learn-1\",\"results\":[");
    else
        printf("%-16s %6s %12s %18s\n", "table", "score", "median ms", "log score");
    for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
        uint32_t *cells = make_table(&SIZES[i]);
        if (cells == NULL)
            return 1;
        if (folder != NULL)
            write_csv(folder, &SIZES[i], cells);
        for (uint32_t kind = LLMSCHED_SCORE_BIC; kind <= LLMSCHED_SCORE_BDEU; kind++) {
            const char *name = kind == LLMSCHED_SCORE_BIC ? "bic" : "bdeu";
            double score, least;
            double seconds = measure(context, &SIZES[i], cells, kind, &score, &least);
            if (json)
                printf(
                    "%s\n{\"table\":\"%s\",\"score\":\"%s\",\"seconds\":%.9f,\"log_score\":%.17g}",
                    i + kind > 1 ? "," : "", SIZES[i].name, name, seconds, score);
            else
                printf("%-16s %6s %12.3f %18.6f\n", SIZES[i].name, name, 1e3 * seconds, score);
        }
        free(cells);
    }
    if (json)
        puts("\n]}");
    llmsched_context_destroy(context);
    return 0;
}
