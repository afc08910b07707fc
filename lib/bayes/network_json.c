/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Networks as JSON, format "llmsched-bn-1" (docs/schemas.md).
 */
#include "bayes/graph.h"

#include <stdio.h>
#include <string.h>

#define FORMAT "llmsched-bn-1"

/* Room for "where.nodes[4294967295].parents[4294967295]"; a longer path is cut, which only a
 * message feels. */
enum { PATH = 160 };

/* A network on its way in: names are borrowed from the JSON tree, the rest is owned. */
typedef struct reader {
    const llmsched_context *context;
    const char *where;
    lls_node_spec *nodes;
    uint32_t count;
    lls_map by_name;
    llmsched_error *err;
} reader;

static void say_path(const reader *r, char *path, uint32_t node)
{
    const char *where = r->where != NULL ? r->where : "";
    snprintf(path, PATH, "%.80s%snodes[%u]", where, where[0] != '\0' ? "." : "", node);
}

static llmsched_status read_strings(const reader *r, const lls_json *array, const char *path,
                                    const char *key, const char ***names, uint32_t *count)
{
    uint32_t n = lls_json_count(array);
    const char **strings = lls_calloc(r->context, n, sizeof *strings);
    if (strings == NULL)
        return lls_fail_memory(r->err);
    uint32_t i = 0;
    for (const lls_json *item = lls_json_first(array); item != NULL; item = lls_json_next(item)) {
        if (lls_json_kind(item) != LLS_JSON_STRING) {
            lls_free(r->context, strings);
            return lls_fail(r->err, LLMSCHED_ERROR_PARSE, "%s.%s[%u]: expected a string", path, key,
                            i);
        }
        strings[i++] = lls_json_value_string(item);
    }
    *names = strings;
    *count = n;
    return LLMSCHED_OK;
}

static llmsched_status read_states(const reader *r, const lls_json *json, const char *path,
                                   lls_node_spec *spec)
{
    const lls_json *states = NULL;
    llmsched_status status = lls_json_get_array(json, path, "states", &states, r->err);
    if (status != LLMSCHED_OK)
        return status;
    const char **names = NULL;
    status = read_strings(r, states, path, "states", &names, &spec->state_count);
    if (status == LLMSCHED_OK)
        spec->state_names = names;
    return status;
}

static llmsched_status read_parents(const reader *r, const lls_json *json, const char *path,
                                    lls_node_spec *spec)
{
    const lls_json *array = NULL;
    llmsched_status status = lls_json_get_array(json, path, "parents", &array, r->err);
    if (status != LLMSCHED_OK)
        return status;
    const char **names = NULL;
    status = read_strings(r, array, path, "parents", &names, &spec->parent_count);
    if (status != LLMSCHED_OK)
        return status;
    uint32_t *parents = lls_calloc(r->context, spec->parent_count, sizeof *parents);
    spec->parents = parents;
    if (parents == NULL)
        status = lls_fail_memory(r->err);
    for (uint32_t i = 0; i < spec->parent_count && status == LLMSCHED_OK; i++) {
        parents[i] = lls_map_get_str(&r->by_name, names[i]);
        if (parents[i] == LLS_NONE32)
            status =
                lls_fail(r->err, LLMSCHED_ERROR_PARSE,
                         "%s.parents[%u]: \"%.60s\" is no node of the network", path, i, names[i]);
    }
    lls_free(r->context, names);
    return status;
}

static llmsched_status read_table(const reader *r, const lls_json *json, const char *path,
                                  lls_node_spec *spec)
{
    double *table = NULL;
    uint32_t length = 0;
    llmsched_status status =
        lls_json_get_numbers(r->context, json, path, "cpt", &table, &length, r->err);
    if (status != LLMSCHED_OK)
        return status;
    spec->table = table;
    uint64_t entries = spec->state_count;
    for (uint32_t p = 0; p < spec->parent_count; p++)
        entries = lls_times(entries, r->nodes[spec->parents[p]].state_count);
    if (entries != length)
        return lls_fail(r->err, LLMSCHED_ERROR_PARSE,
                        "%s.cpt: has %u values, expected %llu (the product of the parents' numbers "
                        "of states and the node's own)",
                        path, length, (unsigned long long)entries);
    return LLMSCHED_OK;
}

/* Names and states of all nodes first: a parent may come after its child. */
static llmsched_status read_heads(reader *r, const lls_json *array)
{
    char path[PATH];
    uint32_t i = 0;
    for (const lls_json *item = lls_json_first(array); item != NULL; item = lls_json_next(item)) {
        lls_node_spec *spec = &r->nodes[i];
        say_path(r, path, i);
        llmsched_status status = lls_json_get_string(item, path, "name", &spec->name, r->err);
        if (status == LLMSCHED_OK)
            status = read_states(r, item, path, spec);
        if (status != LLMSCHED_OK)
            return status;
        if (lls_map_get_str(&r->by_name, spec->name) != LLS_NONE32)
            return lls_fail(r->err, LLMSCHED_ERROR_PARSE,
                            "%s.name: an earlier node is called \"%.60s\" too: names must differ",
                            path, spec->name);
        if (!lls_map_put_str(&r->by_name, spec->name, i++))
            return lls_fail_memory(r->err);
    }
    return LLMSCHED_OK;
}

static llmsched_status read_bodies(reader *r, const lls_json *array)
{
    char path[PATH];
    uint32_t i = 0;
    for (const lls_json *item = lls_json_first(array); item != NULL; item = lls_json_next(item)) {
        lls_node_spec *spec = &r->nodes[i];
        say_path(r, path, i++);
        llmsched_status status = read_parents(r, item, path, spec);
        if (status == LLMSCHED_OK)
            status = read_table(r, item, path, spec);
        if (status != LLMSCHED_OK)
            return status;
    }
    return LLMSCHED_OK;
}

static void finish_reader(reader *r)
{
    for (uint32_t i = 0; i < r->count; i++) {
        lls_free(r->context, (void *)r->nodes[i].state_names);
        lls_free(r->context, (void *)r->nodes[i].parents);
        lls_free(r->context, (void *)r->nodes[i].table);
    }
    lls_free(r->context, r->nodes);
    lls_map_finish(&r->by_name);
}

static llmsched_status read_format(const lls_json *json, const char *where, llmsched_error *err)
{
    const char *format = NULL;
    llmsched_status status = lls_json_get_string(json, where, "format", &format, err);
    if (status == LLMSCHED_OK && strcmp(format, FORMAT) != 0)
        status = lls_fail(err, LLMSCHED_ERROR_PARSE,
                          "%s%sformat: \"%.40s\" is not known, expected \"" FORMAT "\"",
                          where != NULL ? where : "", where != NULL && where[0] != '\0' ? "." : "",
                          format);
    return status;
}

llmsched_status lls_network_from_json(const llmsched_context *context, const lls_json *json,
                                      const char *where, llmsched_network **network,
                                      llmsched_error *err)
{
    const char *name = "";
    const lls_json *nodes = NULL;
    llmsched_status status = read_format(json, where, err);
    if (status == LLMSCHED_OK)
        status = lls_json_opt_string(json, where, "name", &name, err);
    if (status == LLMSCHED_OK)
        status = lls_json_get_array(json, where, "nodes", &nodes, err);
    if (status != LLMSCHED_OK)
        return status;
    reader r = {.context = context, .where = where, .count = lls_json_count(nodes), .err = err};
    lls_map_init(&r.by_name, context);
    r.nodes = lls_calloc(context, r.count, sizeof *r.nodes);
    if (r.nodes == NULL)
        return lls_fail_memory(err);
    status = read_heads(&r, nodes);
    if (status == LLMSCHED_OK)
        status = read_bodies(&r, nodes);
    if (status == LLMSCHED_OK) {
        status = lls_network_create(context, name, r.nodes, r.count, network, err);
        if (status != LLMSCHED_OK && where != NULL && where[0] != '\0')
            lls_error_prefix(err, 0, "%s", where);
    }
    finish_reader(&r);
    return status;
}

llmsched_status llmsched_network_from_json(llmsched_context *context, const char *json,
                                           size_t length, llmsched_network **network,
                                           llmsched_error *err)
{
    if (context == NULL || json == NULL || network == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "network from JSON: %s is NULL",
                        context == NULL ? "context"
                        : json == NULL  ? "json"
                                        : "network");
    lls_json *tree = NULL;
    llmsched_status status = lls_json_parse(json, length, 1, &tree, err);
    if (status == LLMSCHED_OK)
        status = lls_network_from_json(context, tree, "", network, err);
    lls_json_free(tree);
    return status;
}

/* --- writing ------------------------------------------------------------------ */

static lls_json *names_to_json(const char *const *names, const uint32_t *indices, uint32_t count)
{
    lls_json *array = lls_json_new_array();
    for (uint32_t i = 0; i < count; i++)
        if (!lls_json_append(array, lls_json_new_string(names[indices != NULL ? indices[i] : i]))) {
            lls_json_free(array);
            return NULL;
        }
    return array;
}

static lls_json *node_to_json(const llmsched_network *n, uint32_t node)
{
    const uint32_t *parents = n->parents + n->parent_offset[node];
    uint32_t parent_count = n->parent_offset[node + 1] - n->parent_offset[node];
    const double *table = n->tables + n->table_offset[node];
    uint64_t entries = n->table_offset[node + 1] - n->table_offset[node];
    if (entries > UINT32_MAX) /* its text would have terabytes */
        return NULL;
    lls_json *json = lls_json_new_object();
    if (lls_json_put_string(json, "name", n->names[node]) &&
        lls_json_put(
            json, "states",
            names_to_json(n->state_names + n->state_offset[node], NULL, lls_states(n, node))) &&
        lls_json_put(json, "parents", names_to_json(n->names, parents, parent_count)) &&
        lls_json_put(json, "cpt", lls_json_new_numbers(table, (uint32_t)entries)))
        return json;
    lls_json_free(json);
    return NULL;
}

lls_json *lls_network_to_json(const llmsched_network *network)
{
    lls_json *json = lls_json_new_object();
    lls_json *nodes = lls_json_new_array();
    bool done = lls_json_put_string(json, "format", FORMAT) &&
                lls_json_put_string(json, "name", network->name);
    for (uint32_t i = 0; i < network->count && done; i++)
        done = lls_json_append(nodes, node_to_json(network, i));
    if (!done) {
        lls_json_free(nodes);
        nodes = NULL;
    }
    if (lls_json_put(json, "nodes", nodes))
        return json;
    lls_json_free(json);
    return NULL;
}

llmsched_status llmsched_network_to_json(const llmsched_network *network, llmsched_text **text,
                                         llmsched_error *err)
{
    if (network == NULL || text == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "network to JSON: %s is NULL",
                        network == NULL ? "network" : "text");
    lls_json *json = lls_network_to_json(network);
    if (json == NULL)
        return lls_fail_memory(err);
    llmsched_status status = lls_json_print(network->context, json, text, err);
    lls_json_free(json);
    return status;
}
