/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network: checked once when it is made, never changed after.
 */
#include "bayes/graph.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* A row of a table may be this far from 1 (files round), and is then divided by its sum. */
#define ROW_SLACK 1e-6
/* A row this close to 1 is left alone, so that writing and reading a network changes nothing. */
#define ROW_EXACT (4 * DBL_EPSILON)

/* --- checks before anything is made ----------------------------------------- */

typedef struct sizes {
    uint64_t text, states, parents, tables;
} sizes;

static llmsched_status refuse(llmsched_error *err, llmsched_status status, uint32_t node,
                              const char *name, const char *what)
{
    return lls_fail(err, status, "node %u \"%.60s\": %s", node, name, what);
}

static uint32_t digits(uint32_t number)
{
    uint32_t count = 1;
    for (; number >= 10; number /= 10)
        count++;
    return count;
}

static llmsched_status measure_states(const lls_node_spec *spec, uint32_t node, sizes *total,
                                      llmsched_error *err)
{
    if (spec->state_count == 0)
        return refuse(err, LLMSCHED_ERROR_PARSE, node, spec->name, "needs at least one state");
    if (spec->state_count > LLS_MAX_STATES)
        return refuse(err, LLMSCHED_ERROR_LIMIT, node, spec->name,
                      "has more than 65536 states: merge some");
    total->states += spec->state_count;
    for (uint32_t s = 0; s < spec->state_count; s++) {
        if (spec->state_names == NULL) {
            total->text += digits(s) + 1;
            continue;
        }
        if (spec->state_names[s] == NULL)
            return refuse(err, LLMSCHED_ERROR_PARSE, node, spec->name,
                          "a state has no name: name it");
        total->text += strlen(spec->state_names[s]) + 1;
    }
    return LLMSCHED_OK;
}

static llmsched_status measure_table(const llmsched_context *context, const lls_node_spec *nodes,
                                     uint32_t count, uint32_t node, sizes *total,
                                     llmsched_error *err)
{
    const lls_node_spec *spec = &nodes[node];
    uint64_t entries = spec->state_count;
    for (uint32_t i = 0; i < spec->parent_count; i++) {
        if (spec->parents[i] >= count)
            return refuse(err, LLMSCHED_ERROR_PARSE, node, spec->name,
                          "a parent is no node of the network");
        entries = lls_times(entries, nodes[spec->parents[i]].state_count);
    }
    if (entries > context->max_table)
        return refuse(err, LLMSCHED_ERROR_LIMIT, node, spec->name,
                      "the table has more entries than the context's max_table: fewer parents or "
                      "states, or a larger max_table");
    total->parents += spec->parent_count;
    total->tables += entries;
    return LLMSCHED_OK;
}

static llmsched_status measure(const llmsched_context *context, const char *name,
                               const lls_node_spec *nodes, uint32_t count, sizes *total,
                               llmsched_error *err)
{
    *total = (sizes){.text = strlen(name) + 1};
    for (uint32_t i = 0; i < count; i++) {
        if (nodes[i].name == NULL || nodes[i].name[0] == '\0')
            return lls_fail(err, LLMSCHED_ERROR_PARSE, "node %u: the name is empty", i);
        total->text += strlen(nodes[i].name) + 1;
        llmsched_status status = measure_states(&nodes[i], i, total, err);
        if (status != LLMSCHED_OK)
            return status;
    }
    for (uint32_t i = 0; i < count; i++) {
        llmsched_status status = measure_table(context, nodes, count, i, total, err);
        if (status != LLMSCHED_OK)
            return status;
    }
    if (total->states > UINT32_MAX - 1 || total->parents > UINT32_MAX - 1 || count > UINT32_MAX - 1)
        return lls_fail(err, LLMSCHED_ERROR_LIMIT,
                        "the network has more than 2^32 states or arcs: split it");
    return LLMSCHED_OK;
}

/* --- copying ------------------------------------------------------------------ */

static bool allocate(llmsched_network *n, const sizes *total)
{
    const llmsched_context *c = n->context;
    size_t count = n->count;
    return (n->text = lls_calloc(c, total->text, 1)) != NULL &&
           (n->names = lls_calloc(c, count, sizeof *n->names)) != NULL &&
           (n->state_names = lls_calloc(c, total->states, sizeof *n->state_names)) != NULL &&
           (n->state_offset = lls_calloc(c, count + 1, sizeof *n->state_offset)) != NULL &&
           (n->parents = lls_calloc(c, total->parents, sizeof *n->parents)) != NULL &&
           (n->parent_offset = lls_calloc(c, count + 1, sizeof *n->parent_offset)) != NULL &&
           (n->children = lls_calloc(c, total->parents, sizeof *n->children)) != NULL &&
           (n->child_offset = lls_calloc(c, count + 1, sizeof *n->child_offset)) != NULL &&
           (n->tables = lls_calloc(c, total->tables, sizeof *n->tables)) != NULL &&
           (n->table_offset = lls_calloc(c, count + 1, sizeof *n->table_offset)) != NULL;
}

static const char *copy_text(char **end, const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *start = *end;
    memcpy(start, text, bytes);
    *end += bytes;
    return start;
}

static void copy_states(llmsched_network *n, uint32_t node, const lls_node_spec *spec, char **end)
{
    const char **names = n->state_names + n->state_offset[node];
    char digits[16];
    for (uint32_t s = 0; s < spec->state_count; s++) {
        if (spec->state_names == NULL)
            snprintf(digits, sizeof digits, "%u", s);
        names[s] = copy_text(end, spec->state_names != NULL ? spec->state_names[s] : digits);
    }
}

static void copy(llmsched_network *n, const char *name, const lls_node_spec *nodes)
{
    char *end = n->text;
    n->name = copy_text(&end, name);
    for (uint32_t i = 0; i < n->count; i++) {
        const lls_node_spec *spec = &nodes[i];
        n->names[i] = copy_text(&end, spec->name);
        n->state_offset[i + 1] = n->state_offset[i] + spec->state_count;
        copy_states(n, i, spec, &end);
        n->parent_offset[i + 1] = n->parent_offset[i] + spec->parent_count;
        uint64_t entries = spec->state_count;
        for (uint32_t p = 0; p < spec->parent_count; p++) {
            n->parents[n->parent_offset[i] + p] = spec->parents[p];
            entries *= nodes[spec->parents[p]].state_count;
        }
        memcpy(n->tables + n->table_offset[i], spec->table, entries * sizeof(double));
        n->table_offset[i + 1] = n->table_offset[i] + entries;
    }
}

/* Children of every node by counting, so that each list ascends. */
static void list_children(llmsched_network *n)
{
    uint32_t arcs = n->parent_offset[n->count];
    for (uint32_t a = 0; a < arcs; a++)
        n->child_offset[n->parents[a] + 1]++;
    for (uint32_t i = 0; i < n->count; i++)
        n->child_offset[i + 1] += n->child_offset[i];
    for (uint32_t i = n->count; i-- > 0;)
        for (uint32_t a = n->parent_offset[i]; a < n->parent_offset[i + 1]; a++)
            n->children[--n->child_offset[n->parents[a] + 1]] = i;
    /* Each end has been counted down to its start: shift them back. */
    for (uint32_t i = 0; i < n->count; i++)
        n->child_offset[i] = n->child_offset[i + 1];
    n->child_offset[n->count] = arcs;
}

/* --- checks of what was copied -------------------------------------------------- */

static llmsched_status index_names(llmsched_network *n, llmsched_error *err)
{
    lls_map_init(&n->by_name, n->context);
    for (uint32_t i = 0; i < n->count; i++) {
        if (lls_map_get_str(&n->by_name, n->names[i]) != LLS_NONE32)
            return refuse(err, LLMSCHED_ERROR_PARSE, i, n->names[i],
                          "an earlier node has this name: names must differ");
        if (!lls_map_put_str(&n->by_name, n->names[i], i))
            return lls_fail_memory(err);
    }
    return LLMSCHED_OK;
}

static llmsched_status check_state_names(const llmsched_network *n, uint32_t node,
                                         llmsched_error *err)
{
    const char *const *names = n->state_names + n->state_offset[node];
    llmsched_status status = LLMSCHED_OK;
    lls_map seen;
    lls_map_init(&seen, n->context);
    for (uint32_t s = 0; s < lls_states(n, node) && status == LLMSCHED_OK; s++) {
        if (lls_map_get_str(&seen, names[s]) != LLS_NONE32)
            status = refuse(err, LLMSCHED_ERROR_PARSE, node, n->names[node],
                            "two states have the same name: names must differ");
        else if (!lls_map_put_str(&seen, names[s], s))
            status = lls_fail_memory(err);
    }
    lls_map_finish(&seen);
    return status;
}

static llmsched_status check_parents_differ(const llmsched_network *n, llmsched_error *err)
{
    llmsched_status status = LLMSCHED_OK;
    uint32_t *seen = lls_calloc(n->context, n->count, sizeof *seen); /* last child + 1 */
    if (seen == NULL)
        return lls_fail_memory(err);
    for (uint32_t i = 0; i < n->count && status == LLMSCHED_OK; i++)
        for (uint32_t a = n->parent_offset[i]; a < n->parent_offset[i + 1]; a++) {
            if (seen[n->parents[a]] == i + 1)
                status = refuse(err, LLMSCHED_ERROR_PARSE, i, n->names[i],
                                "a parent is named twice: name it once");
            seen[n->parents[a]] = i + 1;
        }
    lls_free(n->context, seen);
    return status;
}

static llmsched_status normalise_row(const llmsched_network *n, uint32_t node, double *row,
                                     llmsched_error *err)
{
    uint32_t states = lls_states(n, node);
    for (uint32_t s = 0; s < states; s++)
        if (!(row[s] >= 0.0 && row[s] <= 1.0 + ROW_SLACK))
            return refuse(err, LLMSCHED_ERROR_PARSE, node, n->names[node],
                          "the table holds a value that is no probability (0 to 1)");
    double sum = lls_sum(row, states);
    if (fabs(sum - 1.0) > ROW_SLACK)
        return refuse(err, LLMSCHED_ERROR_PARSE, node, n->names[node],
                      "a row of the table does not sum to 1");
    if (fabs(sum - 1.0) > ROW_EXACT)
        for (uint32_t s = 0; s < states; s++)
            row[s] /= sum;
    return LLMSCHED_OK;
}

static llmsched_status normalise_tables(llmsched_network *n, llmsched_error *err)
{
    for (uint32_t i = 0; i < n->count; i++) {
        uint32_t states = lls_states(n, i);
        for (uint64_t at = n->table_offset[i]; at < n->table_offset[i + 1]; at += states) {
            llmsched_status status = normalise_row(n, i, n->tables + at, err);
            if (status != LLMSCHED_OK)
                return status;
        }
    }
    return LLMSCHED_OK;
}

/* Takes nodes whose parents are all taken until none is left. */
static llmsched_status check_acyclic(const llmsched_network *n, llmsched_error *err)
{
    llmsched_status status = LLMSCHED_OK;
    uint32_t *missing = lls_calloc(n->context, n->count, sizeof *missing);
    uint32_t *queue = lls_calloc(n->context, n->count, sizeof *queue);
    if (missing == NULL || queue == NULL) {
        status = lls_fail_memory(err);
        goto done;
    }
    uint32_t queued = 0;
    for (uint32_t i = 0; i < n->count; i++) {
        missing[i] = n->parent_offset[i + 1] - n->parent_offset[i];
        if (missing[i] == 0)
            queue[queued++] = i;
    }
    for (uint32_t head = 0; head < queued; head++)
        for (uint32_t c = n->child_offset[queue[head]]; c < n->child_offset[queue[head] + 1]; c++)
            if (--missing[n->children[c]] == 0)
                queue[queued++] = n->children[c];
    for (uint32_t i = 0; i < n->count && queued < n->count; i++)
        if (missing[i] != 0) {
            status = refuse(err, LLMSCHED_ERROR_CYCLE, i, n->names[i],
                            "is its own ancestor or below such a node: break the cycle");
            break;
        }
done:
    lls_free(n->context, queue);
    lls_free(n->context, missing);
    return status;
}

static llmsched_status check(llmsched_network *n, const lls_node_spec *nodes, llmsched_error *err)
{
    llmsched_status status = index_names(n, err);
    for (uint32_t i = 0; i < n->count && status == LLMSCHED_OK; i++)
        if (nodes[i].state_names != NULL)
            status = check_state_names(n, i, err);
    if (status == LLMSCHED_OK)
        status = check_parents_differ(n, err);
    if (status == LLMSCHED_OK)
        status = check_acyclic(n, err);
    if (status == LLMSCHED_OK)
        status = normalise_tables(n, err);
    return status;
}

llmsched_status lls_network_create(const llmsched_context *context, const char *name,
                                   const lls_node_spec *nodes, uint32_t count,
                                   llmsched_network **network, llmsched_error *err)
{
    sizes total;
    if (name == NULL)
        name = "";
    llmsched_status status = measure(context, name, nodes, count, &total, err);
    if (status != LLMSCHED_OK)
        return status;
    llmsched_network *n = lls_calloc(context, 1, sizeof *n);
    if (n == NULL)
        return lls_fail_memory(err);
    atomic_init(&n->references, 1);
    n->context = lls_context_retain(context);
    n->count = count;
    lls_map_init(&n->by_name, context);
    if (!allocate(n, &total)) {
        status = lls_fail_memory(err);
        goto failed;
    }
    copy(n, name, nodes);
    list_children(n);
    status = check(n, nodes, err);
    if (status != LLMSCHED_OK)
        goto failed;
    *network = n;
    return LLMSCHED_OK;
failed:
    llmsched_network_release(n);
    return status;
}

/* --- lifetime -------------------------------------------------------------------- */

llmsched_network *llmsched_network_retain(const llmsched_network *network)
{
    llmsched_network *n = (llmsched_network *)network; /* only the count changes */
    if (n != NULL)
        atomic_fetch_add_explicit(&n->references, 1, memory_order_relaxed);
    return n;
}

void llmsched_network_release(llmsched_network *network)
{
    if (network == NULL ||
        atomic_fetch_sub_explicit(&network->references, 1, memory_order_acq_rel) != 1)
        return;
    llmsched_context *context = network->context;
    lls_map_finish(&network->by_name);
    lls_free(context, network->table_offset);
    lls_free(context, network->tables);
    lls_free(context, network->child_offset);
    lls_free(context, network->children);
    lls_free(context, network->parent_offset);
    lls_free(context, network->parents);
    lls_free(context, network->state_offset);
    lls_free(context, network->state_names);
    lls_free(context, network->names);
    lls_free(context, network->text);
    lls_free(context, network);
    lls_context_release(context);
}

/* --- looking ------------------------------------------------------------------------ */

const char *llmsched_network_name(const llmsched_network *network)
{
    return network != NULL ? network->name : "";
}

uint32_t llmsched_network_node_count(const llmsched_network *network)
{
    return network != NULL ? network->count : 0;
}

static bool has(const llmsched_network *network, uint32_t node)
{
    return network != NULL && node < network->count;
}

const char *llmsched_network_node_name(const llmsched_network *network, uint32_t node)
{
    return has(network, node) ? network->names[node] : NULL;
}

uint32_t llmsched_network_find(const llmsched_network *network, const char *name)
{
    return network != NULL && name != NULL ? lls_map_get_str(&network->by_name, name) : LLS_NONE32;
}

uint32_t llmsched_network_state_count(const llmsched_network *network, uint32_t node)
{
    return has(network, node) ? lls_states(network, node) : 0;
}

const char *llmsched_network_state_name(const llmsched_network *network, uint32_t node,
                                        uint32_t state)
{
    if (!has(network, node) || state >= lls_states(network, node))
        return NULL;
    return network->state_names[network->state_offset[node] + state];
}

const uint32_t *llmsched_network_parents(const llmsched_network *network, uint32_t node,
                                         uint32_t *count)
{
    bool there = has(network, node);
    if (count != NULL)
        *count = there ? network->parent_offset[node + 1] - network->parent_offset[node] : 0;
    return there ? network->parents + network->parent_offset[node] : NULL;
}

const double *llmsched_network_table(const llmsched_network *network, uint32_t node,
                                     uint64_t *count)
{
    bool there = has(network, node);
    if (count != NULL)
        *count = there ? network->table_offset[node + 1] - network->table_offset[node] : 0;
    return there ? network->tables + network->table_offset[node] : NULL;
}

void lls_network_order(const llmsched_network *network, uint32_t *order, uint32_t *waiting)
{
    uint32_t head = 0, tail = 0;
    for (uint32_t i = 0; i < network->count; i++) {
        waiting[i] = network->parent_offset[i + 1] - network->parent_offset[i];
        if (waiting[i] == 0)
            order[tail++] = i;
    }
    while (head < tail) {
        uint32_t node = order[head++];
        for (uint32_t c = network->child_offset[node]; c < network->child_offset[node + 1]; c++)
            if (--waiting[network->children[c]] == 0)
                order[tail++] = network->children[c];
    }
}
