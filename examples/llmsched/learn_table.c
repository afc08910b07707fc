/* SPDX-License-Identifier: Apache-2.0 */
/* llmsched learn --table: a discrete network from a table of states. */
#include "learn.h"

#include <stdio.h>
#include <string.h>

#include "csv.h"
#include "io.h"

static bool parse_choice(const char *option, const char *text, const char *first,
                         const char *second, uint32_t *choice, struct problem *problem)
{
    *choice = strcmp(text, first) == 0 ? 1 : 2;
    return *choice == 1 || strcmp(text, second) == 0
               ? true
               : bad_input(problem, "%s: expected %s or %s, not \"%s\"", option, first, second,
                           text);
}

static bool read_options(const struct table_lesson *lesson, llmsched_learn_options *options,
                         struct problem *problem)
{
    if (lesson->order == NULL || lesson->score == NULL)
        return bad_input(problem, "%s: expected beside --table (see llmsched learn --help)",
                         lesson->order == NULL ? "--order given|free" : "--score bic|bdeu");
    if (!parse_choice("--order", lesson->order, "given", "free", &options->order, problem) ||
        !parse_choice("--score", lesson->score, "bic", "bdeu", &options->score, problem))
        return false;
    if (!(lesson->ess > 0.0))
        return bad_input(problem, "--ess: expected a positive number, not \"%g\"", lesson->ess);
    options->equivalent_size = lesson->ess;
    options->max_parents =
        lesson->max_parents < UINT32_MAX ? (uint32_t)lesson->max_parents : UINT32_MAX;
    options->no_arcs = lesson->max_parents == 0;
    return true;
}

/* The library's form with the score put in at the end of the top level. */
static bool write_network(const llmsched_network *network, double score, const char *path,
                          struct problem *problem)
{
    struct output out = {0};
    llmsched_text *text = NULL;
    llmsched_error err = {.size = sizeof err};
    if (llmsched_network_to_json(network, &text, &err) != LLMSCHED_OK)
        return library_failed(problem, NULL, &err);
    bool good = output_open(&out, path, problem);
    if (good) {
        const char *json = llmsched_text_data(text);
        size_t inside = (size_t)(strrchr(json, '}') - json);
        fwrite(json, 1, inside, out.file);
        fprintf(out.file, ",\"score\":%.17g}\n", score);
        good = output_commit(&out, problem);
    }
    llmsched_text_destroy(text);
    return good;
}

static void print_summary(const llmsched_network *network, uint64_t rows, double score)
{
    uint32_t arcs = 0, nodes = llmsched_network_node_count(network), count;
    for (uint32_t n = 0; n < nodes; n++) {
        (void)llmsched_network_parents(network, n, &count);
        arcs += count;
    }
    printf("%u nodes, %u arcs from %llu rows, score %.6f\n", nodes, arcs, (unsigned long long)rows,
           score);
}

bool learn_table(const struct table_lesson *lesson, struct problem *problem)
{
    llmsched_learn_options options = {.size = sizeof options};
    struct csv_table csv;
    if (!read_options(lesson, &options, problem) || !csv_read(lesson->table, &csv, problem))
        return false;
    const llmsched_table table = {.size = sizeof table,
                                  .columns = csv.columns,
                                  .rows = csv.rows,
                                  .cells = csv.cells,
                                  .states = csv.states,
                                  .names = (const char *const *)csv.names};
    llmsched_context *context = NULL;
    llmsched_network *network = NULL;
    llmsched_error err = {.size = sizeof err};
    double score = 0.0;
    bool good = (llmsched_context_create(NULL, &context, &err) == LLMSCHED_OK &&
                 llmsched_network_learn(context, &table, &options, &network, &score, &err) ==
                     LLMSCHED_OK) ||
                library_failed(problem, lesson->table, &err);
    if (good && write_network(network, score, lesson->out, problem))
        print_summary(network, csv.rows, score);
    llmsched_network_release(network);
    llmsched_context_destroy(context);
    csv_release(&csv);
    return good;
}
