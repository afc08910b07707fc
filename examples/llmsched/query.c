/* SPDX-License-Identifier: Apache-2.0 */
/*
 * llmsched query: exact answers of a discrete network (with --approximate: estimates), in the forms
 * "llmsched-bn-ref-1" and "llmsched-bn-soft-ref-1". Evidence, likelihoods and pairs are read from
 * the queries; every number is computed.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "json.h"
#include "json_find.h"
#include "options.h"
#include "query.h"

/* Ordinary failures of the library, such as a network too wide, are the input's. */
static bool failed(struct query *query, const llmsched_error *err)
{
    if (err->status == LLMSCHED_ERROR_MEMORY || err->status == LLMSCHED_ERROR_INTERNAL)
        return no_result(query->place->problem, "%s", err->message);
    return bad_input(query->place->problem, "%s:%llu: %s: %s", query->place->path,
                     (unsigned long long)json_line_of(query->place->text, query->place->where),
                     query->place->where, err->message);
}

static bool find_node(struct query *query, const char *key, const char *name, uint32_t *node)
{
    *node = llmsched_network_find(query->network, name);
    return *node != UINT32_MAX ? true : json_expected(query->place, key, "a node of the network");
}

static bool set_state(struct query *query, const cJSON *item)
{
    uint32_t node;
    llmsched_error err = {.size = sizeof err};
    char key[96];
    snprintf(key, sizeof key, "evidence.%s", item->string);
    if (!find_node(query, key, item->string, &node))
        return false;
    double states = llmsched_network_state_count(query->network, node);
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0.0) || !(item->valuedouble < states) ||
        item->valuedouble != floor(item->valuedouble))
        return json_expected(query->place, key, "the index of a state of the node");
    query->observed[node] = true;
    if (query->inference == NULL) {
        query->estimates.states[node] = (uint32_t)item->valuedouble;
        return true;
    }
    return llmsched_inference_set_state(query->inference, node, (uint32_t)item->valuedouble,
                                        &err) == LLMSCHED_OK
               ? true
               : failed(query, &err);
}

static bool set_likelihood(struct query *query, const cJSON *item)
{
    uint32_t node, i = 0;
    llmsched_error err = {.size = sizeof err};
    char key[96];
    snprintf(key, sizeof key, "likelihood.%s", item->string);
    if (!find_node(query, key, item->string, &node))
        return false;
    uint32_t states = llmsched_network_state_count(query->network, node);
    if (!cJSON_IsArray(item) || (uint32_t)cJSON_GetArraySize(item) != states)
        return json_expected(query->place, key, "one number per state of the node");
    if (query->observed[node])
        return json_expected(query->place, key, "a node without hard evidence");
    double *values = allocate(states, sizeof *values);
    for (const cJSON *v = item->child; v != NULL; v = v->next) {
        if (!json_is_amount(v)) {
            free(values);
            return json_expected(query->place, key, "finite numbers that are not negative");
        }
        values[i++] = v->valuedouble;
    }
    llmsched_status status = LLMSCHED_OK;
    if (query->inference == NULL)
        memcpy(query->estimates.likelihoods + query->offsets[node], values,
               states * sizeof *values);
    else
        status = llmsched_inference_set_likelihood(query->inference, node, values, states, &err);
    free(values);
    return status == LLMSCHED_OK ? true : failed(query, &err);
}

static bool set_evidence(struct query *query, const cJSON *entry)
{
    const cJSON *evidence, *likelihood = json_member(entry, "likelihood"), *item;
    llmsched_inference_clear(query->inference);
    if (query->inference == NULL)
        estimates_clear(query);
    memset(query->observed, 0, query->nodes * sizeof *query->observed);
    if (!cJSON_IsObject(entry))
        return json_expected(query->place, "", "an object");
    if (!json_get_object(query->place, entry, "evidence", &evidence))
        return false;
    cJSON_ArrayForEach(item, evidence)
        if (!set_state(query, item))
            return false;
    if (likelihood == NULL)
        return true;
    if (!cJSON_IsObject(likelihood))
        return json_expected(query->place, "likelihood", "an object");
    cJSON_ArrayForEach(item, likelihood)
        if (!set_likelihood(query, item))
            return false;
    return true;
}

/* Copies a part of the entry as it stands. */
static void put_part(FILE *file, const cJSON *entry, const char *key)
{
    char *text = cJSON_PrintUnformatted(json_member(entry, key));
    if (text != NULL)
        fputs(text, file);
    cJSON_free(text);
}

void query_put_rows(struct query *query, const char *key, const double *values)
{
    FILE *file = query->out->file;
    const uint32_t *offsets = query->offsets;
    bool first = true;
    fprintf(file, ",\"%s\":{", key);
    for (uint32_t n = 0; n < query->nodes; n++) {
        if (query->observed[n])
            continue;
        if (!first)
            fputc(',', file);
        first = false;
        json_put_string(file, llmsched_network_node_name(query->network, n));
        for (uint32_t i = offsets[n]; i < offsets[n + 1]; i++) {
            fputs(i == offsets[n] ? ":[" : ",", file);
            json_put_number(file, values[i]);
        }
        fputc(']', file);
    }
    fputc('}', file);
}

static bool put_marginals(struct query *query)
{
    llmsched_error err = {.size = sizeof err};
    if (llmsched_inference_marginals(query->inference, query->probabilities,
                                     query->offsets[query->nodes], &err) != LLMSCHED_OK)
        return failed(query, &err);
    query_put_rows(query, "marginals", query->probabilities);
    return true;
}

static bool put_entropies(struct query *query)
{
    FILE *file = query->out->file;
    llmsched_error err = {.size = sizeof err};
    bool first = true;
    double h;
    fputs(",\"entropy\":{", file);
    for (uint32_t n = 0; n < query->nodes; n++) {
        if (query->observed[n])
            continue;
        if (llmsched_inference_entropy(query->inference, &n, 1, &h, &err) != LLMSCHED_OK)
            return failed(query, &err);
        if (!first)
            fputc(',', file);
        first = false;
        json_put_string(file, llmsched_network_node_name(query->network, n));
        fputc(':', file);
        json_put_number(file, h);
    }
    fputc('}', file);
    if (query->soft)
        return true;
    if (llmsched_inference_total_entropy(query->inference, &h, &err) != LLMSCHED_OK)
        return failed(query, &err);
    fputs(",\"joint_entropy\":", file);
    json_put_number(file, h);
    return true;
}

/* Sets the evidence and opens the answer with it; *possible: more is to follow. */
static bool begin(struct query *query, const cJSON *entry, double *log_p, bool *possible)
{
    FILE *file = query->out->file;
    llmsched_error err = {.size = sizeof err};
    if (!set_evidence(query, entry))
        return false;
    llmsched_status status = query->inference != NULL
                                 ? llmsched_inference_log_probability(query->inference, log_p, &err)
                                 : estimates_make(query, log_p, &err);
    *possible = status == LLMSCHED_OK;
    if (status != LLMSCHED_OK && status != LLMSCHED_ERROR_IMPOSSIBLE)
        return failed(query, &err);
    fputc('{', file);
    if (json_member(entry, "id") != NULL) {
        fputs("\"id\":", file);
        put_part(file, entry, "id");
        fputc(',', file);
    }
    fputs("\"evidence\":", file);
    put_part(file, entry, "evidence");
    if (json_member(entry, "likelihood") != NULL) {
        fputs(",\"likelihood\":", file);
        put_part(file, entry, "likelihood");
    }
    if (!*possible)
        fputs(",\"impossible\":true}", file);
    return true;
}

static void put_probability(FILE *file, double log_p)
{
    fputs(",\"log_p_evidence\":", file);
    json_put_number(file, log_p);
    fputs(",\"p_evidence\":", file);
    json_put_number(file, exp(log_p));
}

static bool answer_query(struct query *query, const cJSON *entry)
{
    double log_p;
    bool possible;
    if (!begin(query, entry, &log_p, &possible))
        return false;
    if (!possible)
        return true;
    put_probability(query->out->file, log_p);
    if (query->inference == NULL) {
        query_put_rows(query, "marginals", query->probabilities);
        query_put_rows(query, "error", query->estimates.errors);
    } else if (!put_marginals(query) || !put_entropies(query)) {
        return false;
    }
    fputc('}', query->out->file);
    return true;
}

static bool get_node(struct query *query, const cJSON *entry, const char *key, uint32_t *node)
{
    const char *name;
    if (!json_get_string(query->place, entry, key, &name) || !find_node(query, key, name, node))
        return false;
    return !query->observed[*node] ? true
                                   : json_expected(query->place, key, "a node without evidence");
}

static bool put_information(struct query *query, double information)
{
    fputs(",\"mi\":", query->out->file);
    json_put_number(query->out->file, information);
    fputc('}', query->out->file);
    return true;
}

static bool answer_mi(struct query *query, const cJSON *entry)
{
    double log_p, information;
    bool possible;
    uint32_t x, y;
    llmsched_error err = {.size = sizeof err};
    if (!begin(query, entry, &log_p, &possible))
        return false;
    if (!possible)
        return true;
    if (!get_node(query, entry, "x", &x) || !get_node(query, entry, "y", &y))
        return false;
    if (llmsched_inference_mutual_information(query->inference, x, &y, 1, &information, &err) !=
        LLMSCHED_OK)
        return failed(query, &err);
    fputs(",\"x\":", query->out->file);
    put_part(query->out->file, entry, "x");
    fputs(",\"y\":", query->out->file);
    put_part(query->out->file, entry, "y");
    return put_information(query, information);
}

static bool is_parent(const llmsched_network *network, uint32_t child, uint32_t node)
{
    uint32_t count;
    const uint32_t *parents = llmsched_network_parents(network, child, &count);
    for (uint32_t i = 0; i < count; i++)
        if (parents[i] == node)
            return true;
    return false;
}

/* Parents, children, and the children's other parents. */
static bool in_blanket(const llmsched_network *network, uint32_t x, uint32_t node)
{
    if (node == x)
        return false;
    if (is_parent(network, x, node) || is_parent(network, node, x))
        return true;
    for (uint32_t c = 0; c < llmsched_network_node_count(network); c++)
        if (is_parent(network, c, x) && is_parent(network, c, node))
            return true;
    return false;
}

static bool answer_set_mi(struct query *query, const cJSON *entry)
{
    double log_p, information;
    bool possible, first = true;
    uint32_t x;
    FILE *file = query->out->file;
    llmsched_error err = {.size = sizeof err};
    if (!begin(query, entry, &log_p, &possible))
        return false;
    if (!possible)
        return true;
    if (!get_node(query, entry, "x", &x))
        return false;
    if (llmsched_inference_total_information(query->inference, x, &information, &err) !=
        LLMSCHED_OK)
        return failed(query, &err);
    fputs(",\"x\":", file);
    put_part(file, entry, "x");
    fputs(",\"blanket\":[", file);
    for (uint32_t n = 0; n < query->nodes; n++) {
        if (query->observed[n] || !in_blanket(query->network, x, n))
            continue;
        if (!first)
            fputc(',', file);
        first = false;
        json_put_string(file, llmsched_network_node_name(query->network, n));
    }
    fputc(']', file);
    return put_information(query, information);
}

static bool answer_impossible(struct query *query, const cJSON *entry)
{
    double log_p;
    bool possible;
    if (!begin(query, entry, &log_p, &possible))
        return false;
    if (!possible)
        return true;
    fputs(",\"impossible\":false", query->out->file);
    put_probability(query->out->file, log_p);
    fputc('}', query->out->file);
    return true;
}

static bool answer_section(struct query *query, const cJSON *json, const char *key,
                           bool (*answer)(struct query *, const cJSON *))
{
    const cJSON *section = json_member(json, key), *entry;
    if (section == NULL)
        return true;
    if (!cJSON_IsArray(section))
        return json_expected(query->place, key, "an array");
    if (query->inference == NULL && answer != answer_query && cJSON_GetArraySize(section) > 0)
        return json_expected(query->place, key, "nothing: with --approximate, queries alone");
    uint32_t i = 0;
    fprintf(query->out->file, ",\n\"%s\":[", key);
    cJSON_ArrayForEach(entry, section) {
        fputs(i > 0 ? ",\n" : "\n", query->out->file);
        snprintf(query->place->where, sizeof query->place->where, "%s[%u]", key, i++);
        if (!answer(query, entry))
            return false;
    }
    query->place->where[0] = '\0';
    fputs("\n]", query->out->file);
    return true;
}

static bool answer_all(struct query *query, const cJSON *json)
{
    static const char hard[] = "llmsched-bn-ref-1", soft[] = "llmsched-bn-soft-ref-1";
    const char *format, *name = llmsched_network_name(query->network);
    if (!cJSON_IsObject(json))
        return json_expected(query->place, "", "an object");
    if (!json_get_string(query->place, json, "format", &format))
        return false;
    query->soft = strcmp(format, soft) == 0;
    if (!query->soft && strcmp(format, hard) != 0)
        return json_expected(query->place, "format",
                             "\"llmsched-bn-ref-1\" or \"llmsched-bn-soft-ref-1\"");
    fprintf(query->out->file, "{\"format\":\"%s\",\n\"network\":", query->soft ? soft : hard);
    json_put_string(query->out->file, name);
    fputs(",\n\"unit\":\"nats\"", query->out->file);
    if (!answer_section(query, json, "queries", answer_query) ||
        !answer_section(query, json, "mi", answer_mi) ||
        !answer_section(query, json, "set_mi", answer_set_mi) ||
        !answer_section(query, json, "impossible", answer_impossible))
        return false;
    fputs("\n}\n", query->out->file);
    return true;
}

static bool load_network(llmsched_context *context, const char *path, llmsched_network **network,
                         struct problem *problem)
{
    char *text;
    size_t length;
    llmsched_error err = {.size = sizeof err};
    if (!read_document(path, &text, &length, problem))
        return false;
    bool good = llmsched_network_from_json(context, text, length, network, &err) == LLMSCHED_OK ||
                document_failed(problem, path, text, &err);
    free(text);
    return good;
}

/* samples: 0: exactly. */
static bool query_with(llmsched_context *context, const char *network_path,
                       const char *queries_path, const char *out_path, uint64_t samples,
                       struct problem *problem)
{
    char *text = NULL;
    size_t length;
    cJSON *json = NULL;
    llmsched_network *network = NULL;
    llmsched_error err = {.size = sizeof err};
    struct output out = {0};
    struct place place = {.path = queries_path, .problem = problem};
    struct query query = {.place = &place, .out = &out, .estimates = {.samples = samples}};
    bool good = load_network(context, network_path, &network, problem) &&
                read_document(queries_path, &text, &length, problem) &&
                (json = json_parse(place.text = text, length, &place)) != NULL &&
                output_open(&out, out_path, problem);
    if (good && samples == 0 &&
        llmsched_inference_create(network, &query.inference, &err) != LLMSCHED_OK)
        good = library_failed(problem, network_path, &err);
    if (good) {
        query.network = network;
        query.nodes = llmsched_network_node_count(network);
        query.observed = allocate(query.nodes, sizeof *query.observed);
        query.offsets = allocate(query.nodes + 1, sizeof *query.offsets);
        for (uint32_t n = 0; n < query.nodes; n++)
            query.offsets[n + 1] =
                query.offsets[n] + llmsched_network_state_count(query.network, n);
        query.probabilities = allocate(query.offsets[query.nodes], sizeof *query.probabilities);
        if (samples > 0)
            estimates_open(&query);
        good = answer_all(&query, json) && output_commit(&out, problem);
    }
    output_abandon(&out);
    free(query.observed);
    free(query.offsets);
    free(query.probabilities);
    estimates_close(&query);
    llmsched_inference_destroy(query.inference);
    llmsched_network_release(network);
    cJSON_Delete(json);
    free(text);
    return good;
}

static int run(int argc, char **argv, struct problem *problem)
{
    const char *network = NULL, *queries = NULL, *out = NULL;
    uint64_t samples = 0;
    const struct option options[] = {
        {"--network", "NET.json", OPTION_TEXT, true, &network, "a network, llmsched-bn-1"},
        {"--queries", "Q.json", OPTION_TEXT, true, &queries,
         "queries, llmsched-bn-ref-1 or llmsched-bn-soft-ref-1"},
        {"-o", "OUT.json", OPTION_TEXT, true, &out, "the answers, in the form of the queries"},
        {"--approximate", "SAMPLES", OPTION_COUNT, false, &samples,
         "estimates by so many draws, with their standard errors, for networks too wide"},
    };
    bool helped;
    if (!options_parse(&COMMAND_QUERY, options, COUNT_OF(options), argc, argv, &helped, problem) ||
        helped)
        return problem->code;
    llmsched_context *context = NULL;
    llmsched_error err = {.size = sizeof err};
    if (llmsched_context_create(NULL, &context, &err) != LLMSCHED_OK)
        library_failed(problem, NULL, &err);
    else
        query_with(context, network, queries, out, samples, problem);
    llmsched_context_destroy(context);
    return problem->code;
}

const struct command COMMAND_QUERY = {
    .name = "query",
    .usage = "--network NET.json --queries Q.json -o OUT.json [--approximate SAMPLES]",
    .summary = "answer queries about any discrete network, exactly",
    .details = "Evidence of probability zero is answered by \"impossible\": true and no numbers.",
    .run = run,
};
