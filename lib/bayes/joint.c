/* SPDX-License-Identifier: Apache-2.0 */
#include "bayes/joint.h"

#include "bayes/inference.h"

#include <string.h>

bool lls_joint_init(lls_joint *joint, const llmsched_context *context, uint32_t nodes)
{
    size_t n = nodes;
    memset(joint, 0, sizeof *joint);
    joint->context = context;
    lls_elimination_init(&joint->elimination, context);
    return (joint->checked = lls_calloc(context, n, sizeof *joint->checked)) != NULL &&
           (joint->kinds = lls_calloc(context, n, sizeof *joint->kinds)) != NULL &&
           (joint->ancestor = lls_calloc(context, n, sizeof *joint->ancestor)) != NULL &&
           (joint->reached = lls_calloc(context, n, sizeof *joint->reached)) != NULL &&
           (joint->stop = lls_calloc(context, n, sizeof *joint->stop)) != NULL &&
           (joint->seen = lls_calloc(context, n, sizeof *joint->seen)) != NULL &&
           (joint->stack = lls_calloc(context, n, sizeof *joint->stack)) != NULL &&
           (joint->hidden = lls_calloc(context, n, sizeof *joint->hidden)) != NULL &&
           (joint->families = lls_calloc(context, n, sizeof *joint->families)) != NULL &&
           (joint->place = lls_calloc(context, n, sizeof *joint->place)) != NULL &&
           (joint->head = lls_calloc(context, n + 1, sizeof *joint->head)) != NULL &&
           (joint->tail = lls_calloc(context, n + 1, sizeof *joint->tail)) != NULL &&
           (joint->extents = lls_calloc(context, n, sizeof *joint->extents)) != NULL;
}

void lls_joint_finish(lls_joint *joint)
{
    const llmsched_context *c = joint->context;
    if (c == NULL)
        return;
    lls_elimination_finish(&joint->elimination);
    lls_free(c, joint->ancestor);
    lls_free(c, joint->reached);
    lls_free(c, joint->stop);
    lls_free(c, joint->seen);
    lls_free(c, joint->checked);
    lls_free(c, joint->kinds);
    lls_free(c, joint->stack);
    lls_free(c, joint->hidden);
    lls_free(c, joint->families);
    lls_free(c, joint->place);
    lls_free(c, joint->head);
    lls_free(c, joint->tail);
    lls_free(c, joint->extents);
    lls_free(c, joint->factors);
    lls_free(c, joint->places);
    lls_free(c, joint->strides);
    lls_free(c, joint->operands);
    lls_free(c, joint->loops);
    lls_free(c, joint->arena);
    memset(joint, 0, sizeof *joint);
}

/* --- order of elimination ------------------------------------------------------------- */

static bool connect_families(llmsched_inference *inf)
{
    const llmsched_network *n = inf->network;
    lls_joint *j = &inf->joint;
    for (uint32_t f = 0; f < j->family_count; f++) {
        uint32_t node = j->families[f], members = 0, *list = j->stack;
        if (lls_is_hidden(inf, node))
            list[members++] = j->place[node];
        for (uint32_t a = n->parent_offset[node]; a < n->parent_offset[node + 1]; a++)
            if (lls_is_hidden(inf, n->parents[a]))
                list[members++] = j->place[n->parents[a]];
        for (uint32_t a = 1; a < members; a++)
            for (uint32_t b = 0; b < a; b++)
                if (!lls_elimination_connect(&j->elimination, list[a], list[b]))
                    return false;
    }
    return true;
}

static llmsched_status too_wide(const llmsched_inference *inf, llmsched_error *err)
{
    return lls_fail(err, LLMSCHED_ERROR_LIMIT,
                    "the joint of these nodes needs a table of more than max_table = %llu entries: "
                    "ask for fewer nodes, or raise max_table",
                    (unsigned long long)inf->context->max_table);
}

static llmsched_status eliminate(llmsched_inference *inf, const uint32_t *nodes, uint32_t count,
                                 lls_elimination_rule rule)
{
    lls_joint *j = &inf->joint;
    lls_elimination *e = &j->elimination;
    if (!lls_elimination_reset(e, j->hidden_count))
        return LLMSCHED_ERROR_MEMORY;
    e->rule = rule;
    for (uint32_t v = 0; v < j->hidden_count; v++) {
        j->place[j->hidden[v]] = v;
        e->states[v] = lls_states(inf->network, j->hidden[v]);
    }
    for (uint32_t i = 0; i < count; i++)
        e->kept[j->place[nodes[i]]] = 1;
    if (!connect_families(inf))
        return LLMSCHED_ERROR_MEMORY;
    return lls_elimination_run(e, inf->context->max_table);
}

/* Afterwards place[] holds the places, and extents[] the states at each. */
static llmsched_status order_hidden(llmsched_inference *inf, const uint32_t *nodes, uint32_t count,
                                    llmsched_error *err)
{
    lls_joint *j = &inf->joint;
    lls_elimination *e = &j->elimination;
    llmsched_status status = LLMSCHED_ERROR_LIMIT;
    for (lls_elimination_rule rule = LLS_ELIMINATION_FILL;
         rule < LLS_ELIMINATION_RULES && status == LLMSCHED_ERROR_LIMIT; rule++)
        status = eliminate(inf, nodes, count, rule);
    if (status == LLMSCHED_ERROR_LIMIT)
        return too_wide(inf, err);
    if (status != LLMSCHED_OK)
        return lls_fail_memory(err);
    for (uint32_t i = 0; i < e->order_count; i++)
        j->place[j->hidden[e->order[i]]] = i;
    for (uint32_t i = 0; i < count; i++)
        j->place[nodes[i]] = e->order_count + i;
    for (uint32_t v = 0; v < j->hidden_count; v++)
        j->extents[j->place[j->hidden[v]]] = lls_states(inf->network, j->hidden[v]);
    return LLMSCHED_OK;
}

/* --- factors ---------------------------------------------------------------------------- */

static bool reserve_scope(lls_joint *j, uint32_t count)
{
    size_t need = (size_t)j->scope_count + count;
    return lls_grow(j->context, (void **)&j->places, &j->place_capacity, need, sizeof *j->places) &&
           lls_grow(j->context, (void **)&j->strides, &j->stride_capacity, need,
                    sizeof *j->strides) &&
           lls_grow(j->context, (void **)&j->factors, &j->factor_capacity,
                    (size_t)j->factor_count + 1, sizeof *j->factors);
}

/* Inserts in ascending order of places behind scope. */
static void add_member(lls_joint *j, uint32_t scope, uint32_t place, size_t stride)
{
    uint32_t at = j->scope_count++;
    for (; at > scope && j->places[at - 1] > place; at--) {
        j->places[at] = j->places[at - 1];
        j->strides[at] = j->strides[at - 1];
    }
    j->places[at] = place;
    j->strides[at] = stride;
}

/* Files the scope that was just added under its bucket, last in the list. */
static lls_joint_factor *add_factor(lls_joint *j, uint32_t scope)
{
    uint32_t index = j->factor_count++, last = j->elimination.order_count;
    uint32_t bucket = j->places[scope] < last ? j->places[scope] : last;
    lls_joint_factor *f = &j->factors[index];
    *f = (lls_joint_factor){scope, j->scope_count - scope, NULL, NULL, 0, LLS_NONE32};
    if (j->head[bucket] == LLS_NONE32)
        j->head[bucket] = index;
    else
        j->factors[j->tail[bucket]].next = index;
    j->tail[bucket] = index;
    return f;
}

static bool add_table(llmsched_inference *inf, uint32_t node)
{
    const llmsched_network *n = inf->network;
    lls_joint *j = &inf->joint;
    uint32_t parents = n->parent_offset[node + 1] - n->parent_offset[node], scope = j->scope_count;
    if (!reserve_scope(j, parents + 1))
        return false;
    size_t stride = 1, offset = 0;
    for (uint32_t m = parents + 1; m-- > 0;) {
        uint32_t member = m == parents ? node : n->parents[n->parent_offset[node] + m];
        if (lls_is_hidden(inf, member))
            add_member(j, scope, j->place[member], stride);
        else if (inf->observed[member] != LLS_NONE32)
            offset += inf->observed[member] * stride;
        stride *= lls_states(n, member);
    }
    if (j->scope_count > scope) /* else a constant, which normalisation takes out */
        add_factor(j, scope)->data = n->tables + n->table_offset[node] + offset;
    return true;
}

static bool add_likelihood(llmsched_inference *inf, uint32_t node)
{
    lls_joint *j = &inf->joint;
    uint32_t scope = j->scope_count;
    if (!reserve_scope(j, 1))
        return false;
    add_member(j, scope, j->place[node], 1);
    lls_joint_factor *f = add_factor(j, scope);
    f->data = inf->likelihoods + inf->network->state_offset[node];
    f->told = inf->told + inf->network->state_offset[node];
    return true;
}

/* The message of a bucket over its separator, whose entries begin at *arena. */
static bool add_message(lls_joint *j, uint32_t bucket, uint64_t *arena)
{
    const lls_elimination *e = &j->elimination;
    uint32_t begin = e->separator_start[bucket], end = e->separator_start[bucket + 1];
    uint32_t scope = j->scope_count;
    size_t stride = 1;
    if (!reserve_scope(j, end - begin))
        return false;
    j->scope_count += end - begin;
    for (uint32_t i = end; i-- > begin; stride *= j->extents[e->separators[i]]) {
        j->places[scope + i - begin] = e->separators[i];
        j->strides[scope + i - begin] = stride;
    }
    if (end > begin) /* else a constant again */
        add_factor(j, scope)->message = *arena;
    *arena += stride;
    return true;
}

/* --- plan --------------------------------------------------------------------------------- */

/* Places instead of vertices in the separators of the elimination, ascending. */
static void rename_separators(lls_joint *j)
{
    lls_elimination *e = &j->elimination;
    for (uint32_t b = 0; b < e->order_count; b++) {
        uint32_t begin = e->separator_start[b];
        for (uint32_t i = begin; i < e->separator_start[b + 1]; i++) {
            uint32_t place = j->place[j->hidden[e->separators[i]]], at = i;
            for (; at > begin && e->separators[at - 1] > place; at--)
                e->separators[at] = e->separators[at - 1];
            e->separators[at] = place;
        }
    }
}

static void measure_bucket(const lls_joint *j, uint32_t bucket, uint32_t dims, uint64_t entries,
                           lls_joint_plan *p)
{
    uint32_t operands = 0;
    for (uint32_t f = j->head[bucket]; f != LLS_NONE32; f = j->factors[f].next)
        operands++;
    p->operands = operands > p->operands ? operands : p->operands;
    p->loops = operands * dims > p->loops ? operands * dims : p->loops;
    p->clique = entries > p->clique ? entries : p->clique;
    p->work += (double)operands * (double)entries;
}

static uint64_t clique_entries(const lls_joint *j, uint32_t bucket)
{
    const lls_elimination *e = &j->elimination;
    uint64_t entries = j->extents[bucket];
    for (uint32_t i = e->separator_start[bucket]; i < e->separator_start[bucket + 1]; i++)
        entries *= j->extents[e->separators[i]];
    return entries;
}

static llmsched_status make_plan(llmsched_inference *inf, uint32_t count, lls_joint_plan *p,
                                 llmsched_error *err)
{
    lls_joint *j = &inf->joint;
    const lls_elimination *e = &j->elimination;
    bool done = true;
    j->factor_count = j->scope_count = 0;
    for (uint32_t b = 0; b <= e->order_count; b++)
        j->head[b] = LLS_NONE32;
    rename_separators(j);
    for (uint32_t f = 0; f < j->family_count && done; f++)
        done = add_table(inf, j->families[f]);
    for (uint32_t v = 0; v < j->hidden_count && done; v++)
        if (inf->soft[j->hidden[v]])
            done = add_likelihood(inf, j->hidden[v]);
    for (uint32_t b = 0; b < e->order_count && done; b++) {
        uint32_t dims = e->separator_start[b + 1] - e->separator_start[b];
        measure_bucket(j, b, dims, clique_entries(j, b), p);
        done = add_message(j, b, &p->messages);
        if (p->messages > lls_total_limit(inf->context))
            return too_wide(inf, err);
    }
    measure_bucket(j, e->order_count, count, p->size, p);
    return done ? LLMSCHED_OK : lls_fail_memory(err);
}

/* --- all together ------------------------------------------------------------------------- */

llmsched_status lls_joint_prepare(llmsched_inference *inference, const uint32_t *nodes,
                                  uint32_t count, lls_joint_plan *plan, llmsched_error *err)
{
    *plan = (lls_joint_plan){.size = 1};
    for (uint32_t i = 0; i < count; i++)
        plan->size = lls_times(plan->size, lls_states(inference->network, nodes[i]));
    if (plan->size > inference->context->max_table)
        return too_wide(inference, err);
    lls_mark_ancestors(inference, nodes, count);
    lls_reach(inference, nodes, count);
    llmsched_status status = order_hidden(inference, nodes, count, err);
    return status == LLMSCHED_OK ? make_plan(inference, count, plan, err) : status;
}

llmsched_status lls_joint_table(llmsched_inference *inference, const uint32_t *nodes,
                                uint32_t count, const double **table, uint64_t *size,
                                llmsched_error *err)
{
    lls_joint_plan plan;
    llmsched_status status = lls_joint_prepare(inference, nodes, count, &plan, err);
    if (status == LLMSCHED_OK)
        status = lls_joint_run(inference, count, &plan, table, err);
    if (status == LLMSCHED_OK)
        *size = plan.size;
    return status;
}
