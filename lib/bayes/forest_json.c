/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forests as JSON, format "llmsched-forest-1":
 *
 *     features, trees  their numbers
 *     levels           ascending
 *     cut_counts       per feature
 *     cuts             feature after feature, ascending: the thresholds there are
 *     nodes            preorder, tree after tree: of a split its cut's place in cuts, of a leaf
 *                      minus the number of its levels
 *     means            leaf after leaf
 *     masses           leaf after leaf, by level: (mass - 1) * 128 + levels skipped
 *
 * Preorder says where a tree ends, so no damage can make a child stand before its parent.
 */
#include "bayes/forest_nodes.h"

#include <math.h>
#include <string.h>

#define FORMAT "llmsched-forest-1"

/* --- reading ------------------------------------------------------------------------ */

/* An array of the file. */
typedef struct numbers {
    double *values;
    uint32_t count;
} numbers;

typedef struct reader {
    const llmsched_context *context;
    const lls_json *json;
    const char *where;
    lls_forest *forest;
    numbers levels, cut_counts, cuts, nodes, means, masses;
    llmsched_error *err;
} reader;

static llmsched_status refuse(const reader *r, const char *key, uint32_t at, const char *expected)
{
    return lls_fail(r->err, LLMSCHED_ERROR_PARSE, "%s%s%s[%u]: expected %s", r->where,
                    r->where[0] != '\0' ? "." : "", key, at, expected);
}

static bool is_whole(double x, double least, double most)
{
    return x >= least && x <= most && x == floor(x);
}

static llmsched_status get(reader *r, const char *key, numbers *n)
{
    return lls_json_get_numbers(r->context, r->json, r->where, key, &n->values, &n->count, r->err);
}

static llmsched_status get_all(reader *r)
{
    llmsched_status status = get(r, "levels", &r->levels);
    if (status == LLMSCHED_OK)
        status = get(r, "cut_counts", &r->cut_counts);
    if (status == LLMSCHED_OK)
        status = get(r, "cuts", &r->cuts);
    if (status == LLMSCHED_OK)
        status = get(r, "nodes", &r->nodes);
    if (status == LLMSCHED_OK)
        status = get(r, "means", &r->means);
    return status == LLMSCHED_OK ? get(r, "masses", &r->masses) : status;
}

static llmsched_status get_head(const reader *r, uint32_t *features, uint32_t *trees)
{
    const char *format = NULL;
    uint64_t feature_count = 0, tree_count = 0;
    llmsched_status status = lls_json_get_string(r->json, r->where, "format", &format, r->err);
    if (status == LLMSCHED_OK && strcmp(format, FORMAT) != 0)
        return lls_fail(r->err, LLMSCHED_ERROR_PARSE,
                        "%s%sformat: \"%.40s\" is not known, expected \"" FORMAT "\"", r->where,
                        r->where[0] != '\0' ? "." : "", format);
    if (status == LLMSCHED_OK)
        status = lls_json_get_u64(r->json, r->where, "features", LLS_FOREST_FEATURES,
                                  &feature_count, r->err);
    if (status == LLMSCHED_OK)
        status =
            lls_json_get_u64(r->json, r->where, "trees", LLS_FOREST_TREES, &tree_count, r->err);
    if (status == LLMSCHED_OK && (feature_count == 0 || tree_count == 0))
        return lls_fail(r->err, LLMSCHED_ERROR_PARSE, "%s%s%s: expected at least 1", r->where,
                        r->where[0] != '\0' ? "." : "", tree_count == 0 ? "trees" : "features");
    *features = (uint32_t)feature_count;
    *trees = (uint32_t)tree_count;
    return status;
}

static llmsched_status read_levels(const reader *r)
{
    const numbers *n = &r->levels;
    if (n->count < 1 || n->count > LLS_FOREST_LEVELS)
        return refuse(r, "levels", n->count, "1 .. 128 numbers");
    for (uint32_t i = 0; i < n->count; i++) {
        if (!(n->values[i] >= 0.0 && n->values[i] <= LLS_FOREST_LARGEST) ||
            (i > 0 && n->values[i] <= n->values[i - 1]))
            return refuse(r, "levels", i, "ascending numbers that are not negative, up to 1e100");
        r->forest->levels[i] = n->values[i];
    }
    r->forest->level_count = n->count;
    return LLMSCHED_OK;
}

static llmsched_status read_cuts(const reader *r)
{
    lls_forest *f = r->forest;
    uint32_t end = 0;
    if (r->cut_counts.count != f->feature_count)
        return refuse(r, "cut_counts", r->cut_counts.count, "one number per feature");
    for (uint32_t i = 0; i < f->feature_count; i++) {
        double count = r->cut_counts.values[i];
        uint32_t first = end;
        if (!is_whole(count, 0.0, LLS_FOREST_CLASSES - 1) || count > r->cuts.count - end)
            return refuse(r, "cut_counts", i, "a whole number up to 63, and as many cuts");
        f->cut_end[i] = end += (uint32_t)count;
        for (uint32_t k = first; k < end; k++) {
            if (k > first && r->cuts.values[k] <= r->cuts.values[k - 1])
                return refuse(r, "cuts", k, "cuts of one feature to ascend");
            f->cuts[k] = r->cuts.values[k];
        }
    }
    return end == r->cuts.count ? LLMSCHED_OK : refuse(r, "cuts", end, "no more cuts");
}

static uint32_t feature_of(const lls_forest *f, uint32_t cut)
{
    uint32_t low = 0, high = f->feature_count - 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (cut < f->cut_end[middle])
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Splits that wait for their right child are chained by next. */
static llmsched_status read_nodes(const reader *r)
{
    lls_forest *f = r->forest;
    uint32_t waiting = LLS_NONE32, trees = 0;
    bool between = true;
    for (uint32_t i = 0; i < r->nodes.count; i++) {
        double value = r->nodes.values[i];
        lls_forest_node *node = &f->nodes[i];
        if (between && trees == f->tree_count)
            return refuse(r, "nodes", i, "no more trees");
        if (between)
            f->roots[trees++] = i;
        between = false;
        if (is_whole(value, 0.0, (double)r->cuts.count - 1.0)) {
            uint32_t cut = (uint32_t)value;
            *node = (lls_forest_node){f->cuts[cut], feature_of(f, cut), waiting};
            waiting = i;
            continue;
        }
        if (!is_whole(value, -(double)f->level_count, -1.0))
            return refuse(r, "nodes", i, "a place in cuts, or minus a number of levels");
        if (f->leaf_count == r->means.count)
            return refuse(r, "means", f->leaf_count, "a mean for every leaf");
        *node = (lls_forest_node){0.0, LLS_NONE32, f->leaf_count};
        f->leaves[f->leaf_count++].count = (uint32_t)-value;
        between = waiting == LLS_NONE32;
        if (!between) {
            uint32_t parent = waiting;
            waiting = f->nodes[parent].next;
            f->nodes[parent].next = i + 1;
        }
    }
    if (!between || trees < f->tree_count)
        return refuse(r, "nodes", r->nodes.count, "more nodes");
    f->node_count = r->nodes.count;
    return LLMSCHED_OK;
}

static llmsched_status read_leaf(const reader *r, lls_forest_leaf *leaf)
{
    lls_forest *f = r->forest;
    uint32_t next = 0; /* the least level that may come */
    leaf->first = f->part_count;
    for (uint32_t k = 0; k < leaf->count; k++) {
        uint32_t at = f->part_count;
        double most = (double)LLS_FOREST_MASS * LLS_FOREST_LEVELS - 1.0;
        if (at == r->masses.count || !is_whole(r->masses.values[at], 0.0, most))
            return refuse(r, "masses", at, "a whole number under 2147483648");
        uint32_t value = (uint32_t)r->masses.values[at];
        uint32_t level = next + value % LLS_FOREST_LEVELS;
        if (level >= f->level_count)
            return refuse(r, "masses", at, "a level that there is");
        f->parts[at] = (value / LLS_FOREST_LEVELS + 1) * LLS_FOREST_LEVELS + level;
        f->part_count++;
        next = level + 1;
    }
    return LLMSCHED_OK;
}

static llmsched_status read_leaves(const reader *r)
{
    lls_forest *f = r->forest;
    if (f->leaf_count != r->means.count)
        return refuse(r, "means", f->leaf_count, "no more means than leaves");
    for (uint32_t i = 0; i < f->leaf_count; i++) {
        double mean = r->means.values[i];
        if (!(mean >= 0.0 && mean <= LLS_FOREST_LARGEST))
            return refuse(r, "means", i, "a number that is not negative, up to 1e100");
        f->leaves[i].mean = mean;
        llmsched_status status = read_leaf(r, &f->leaves[i]);
        if (status != LLMSCHED_OK)
            return status;
    }
    return f->part_count == r->masses.count ? LLMSCHED_OK
                                            : refuse(r, "masses", f->part_count, "no more masses");
}

static llmsched_status read_forest(reader *r)
{
    uint32_t features = 0, trees = 0;
    llmsched_status status = get_head(r, &features, &trees);
    if (status == LLMSCHED_OK)
        status = get_all(r);
    if (status != LLMSCHED_OK)
        return status;
    lls_forest *f = r->forest = lls_forest_create(r->context, features, trees, r->cuts.count);
    if (f == NULL)
        return lls_fail_memory(r->err);
    f->node_capacity = r->nodes.count;
    f->leaf_capacity = r->means.count;
    f->part_capacity = r->masses.count;
    f->nodes = lls_calloc(r->context, f->node_capacity, sizeof *f->nodes);
    f->leaves = lls_calloc(r->context, f->leaf_capacity, sizeof *f->leaves);
    f->parts = lls_calloc(r->context, f->part_capacity, sizeof *f->parts);
    if (f->nodes == NULL || f->leaves == NULL || f->parts == NULL)
        return lls_fail_memory(r->err);
    status = read_levels(r);
    if (status == LLMSCHED_OK)
        status = read_cuts(r);
    if (status == LLMSCHED_OK)
        status = read_nodes(r);
    return status == LLMSCHED_OK ? read_leaves(r) : status;
}

llmsched_status lls_forest_from_json(const llmsched_context *context, const lls_json *json,
                                     const char *where, lls_forest **forest, llmsched_error *err)
{
    reader r = {.context = context, .json = json, .where = where != NULL ? where : "", .err = err};
    llmsched_status status = read_forest(&r);
    lls_free(context, r.levels.values);
    lls_free(context, r.cut_counts.values);
    lls_free(context, r.cuts.values);
    lls_free(context, r.nodes.values);
    lls_free(context, r.means.values);
    lls_free(context, r.masses.values);
    if (status == LLMSCHED_OK)
        *forest = r.forest;
    else
        lls_forest_free(context, r.forest);
    return status;
}

/* --- writing -------------------------------------------------------------------------- */

/* Appends what value says of 0, 1, .. count - 1. */
static lls_json *new_array(const lls_forest *f, uint32_t count,
                           double (*value)(const lls_forest *f, uint32_t i))
{
    lls_json *array = lls_json_new_array();
    for (uint32_t i = 0; i < count; i++)
        if (!lls_json_append(array, lls_json_new_number(value(f, i)))) {
            lls_json_free(array);
            return NULL;
        }
    return array;
}

static double cut_count(const lls_forest *f, uint32_t i)
{
    return f->cut_end[i] - lls_forest_cut_first(f, i);
}

static double node_value(const lls_forest *f, uint32_t i)
{
    const lls_forest_node *node = &f->nodes[i];
    if (node->feature == LLS_NONE32)
        return -(double)f->leaves[node->next].count;
    uint32_t first = lls_forest_cut_first(f, node->feature);
    uint32_t cuts = f->cut_end[node->feature] - first;
    return first + lls_forest_class_of(f->cuts + first, cuts, node->threshold);
}

static double leaf_mean(const lls_forest *f, uint32_t i)
{
    return f->leaves[i].mean;
}

static lls_json *new_masses(const lls_forest *f)
{
    lls_json *array = lls_json_new_array();
    for (uint32_t i = 0; i < f->leaf_count; i++) {
        const lls_forest_leaf *leaf = &f->leaves[i];
        uint32_t next = 0;
        for (uint32_t k = leaf->first; k < leaf->first + leaf->count; k++) {
            uint32_t level = f->parts[k] % LLS_FOREST_LEVELS;
            uint32_t value = f->parts[k] - level - LLS_FOREST_LEVELS + (level - next);
            next = level + 1;
            if (!lls_json_append(array, lls_json_new_number(value))) {
                lls_json_free(array);
                return NULL;
            }
        }
    }
    return array;
}

lls_json *lls_forest_to_json(const lls_forest *f)
{
    lls_json *json = lls_json_new_object();
    if (lls_json_put_string(json, "format", FORMAT) &&
        lls_json_put_number(json, "features", f->feature_count) &&
        lls_json_put_number(json, "trees", f->tree_count) &&
        lls_json_put(json, "levels", lls_json_new_numbers(f->levels, f->level_count)) &&
        lls_json_put(json, "cut_counts", new_array(f, f->feature_count, cut_count)) &&
        lls_json_put(json, "cuts",
                     lls_json_new_numbers(f->cuts, f->cut_end[f->feature_count - 1])) &&
        lls_json_put(json, "nodes", new_array(f, f->node_count, node_value)) &&
        lls_json_put(json, "means", new_array(f, f->leaf_count, leaf_mean)) &&
        lls_json_put(json, "masses", new_masses(f)))
        return json;
    lls_json_free(json);
    return NULL;
}
