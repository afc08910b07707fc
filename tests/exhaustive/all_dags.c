/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every directed graph of up to four stages: those with a cycle are refused and
 * a cycle of theirs is named; the others have the order, the critical path and
 * the neighbours that a search through everything finds, and survive JSON.
 */
#include "dags.h"

enum { MOST = 4 };

typedef struct graph {
    uint32_t stages;
    int edge[MOST][MOST]; /* from, to */
} graph;

static graph graph_of(uint32_t stages, uint32_t bits)
{
    graph g = {.stages = stages};
    for (uint32_t from = 0; from < stages; from++)
        for (uint32_t to = 0; to < stages; to++)
            if (from != to) {
                g.edge[from][to] = (int)(bits & 1);
                bits >>= 1;
            }
    return g;
}

static int has_cycle(const graph *g)
{
    int reach[MOST][MOST];
    memcpy(reach, g->edge, sizeof reach);
    for (uint32_t k = 0; k < g->stages; k++)
        for (uint32_t i = 0; i < g->stages; i++)
            for (uint32_t j = 0; j < g->stages; j++)
                reach[i][j] |= reach[i][k] && reach[k][j];
    for (uint32_t i = 0; i < g->stages; i++)
        if (reach[i][i])
            return 1;
    return 0;
}

/* Edges are added from the last to the first: nothing may depend on that. */
static llmsched_dag_builder *build(const graph *g)
{
    static const char *const ids[MOST] = {"a", "b", "c", "d"};
    llmsched_dag_builder *b = dags_builder();
    for (uint32_t s = 0; s < g->stages; s++)
        dags_stage(b, LLMSCHED_STAGE_REGULAR, ids[s], NULL);
    for (uint32_t from = g->stages; from-- > 0;)
        for (uint32_t to = g->stages; to-- > 0;)
            if (g->edge[from][to])
                dags_edge(b, from, to);
    return b;
}

/* --- cycles ----------------------------------------------------------------------------- */

/* "n stages form a cycle: x -> y -> x: ...", n distinct stages along edges that are there. */
static void check_cycle(const graph *g, const char *message)
{
    static const char words[] = " stages form a cycle: ";
    uint32_t claimed = (uint32_t)(message[0] - '0'), count = 0;
    int seen[MOST] = {0};
    assert_int_equal(strncmp(message + 1, words, strlen(words)), 0);
    const char *at = message + 1 + strlen(words);
    uint32_t first = (uint32_t)(*at - 'a'), stage = first;
    while (strncmp(at + 1, " -> ", 4) == 0) {
        uint32_t next = (uint32_t)(at[5] - 'a');
        assert_true(next < g->stages && g->edge[stage][next] && !seen[next]);
        seen[next] = 1;
        stage = next;
        at += 5;
        count++;
    }
    assert_int_equal(stage, first);
    assert_int_equal(count, claimed);
    assert_true(count >= 2 && at[1] == ':');
}

/* --- orders ------------------------------------------------------------------------------ */

static int next_permutation(uint32_t *p, uint32_t n)
{
    uint32_t i = n - 1, j = n - 1;
    while (i > 0 && p[i - 1] > p[i])
        i--;
    if (i == 0)
        return 0;
    while (p[j] < p[i - 1])
        j--;
    uint32_t swapped = p[i - 1];
    p[i - 1] = p[j];
    p[j] = swapped;
    for (uint32_t a = i, b = n - 1; a < b; a++, b--) {
        swapped = p[a];
        p[a] = p[b];
        p[b] = swapped;
    }
    return 1;
}

static int respects_edges(const graph *g, const uint32_t *order)
{
    for (uint32_t i = 0; i < g->stages; i++)
        for (uint32_t j = i; j < g->stages; j++)
            if (g->edge[order[j]][order[i]])
                return 0;
    return 1;
}

/* The lowest number first of several: the first permutation that respects all edges. */
static void check_order(const graph *g, const llmsched_dag *dag)
{
    uint32_t order[MOST] = {0, 1, 2, 3};
    while (!respects_edges(g, order))
        assert_true(next_permutation(order, g->stages));
    assert_memory_equal(llmsched_dag_order(dag), order, g->stages * sizeof *order);
}

static void check_neighbours(const graph *g, const llmsched_dag *dag)
{
    uint32_t edges = 0;
    for (uint32_t s = 0; s < g->stages; s++) {
        uint32_t parents[MOST + 1], children[MOST + 1], p = 0, c = 0, count;
        for (uint32_t t = 0; t < g->stages; t++) {
            if (g->edge[t][s])
                parents[p++] = t;
            if (g->edge[s][t])
                children[c++] = t;
        }
        parents[p] = children[c] = LLMSCHED_INDEX_NONE;
        edges += c;
        const uint32_t *got = llmsched_dag_parents(dag, s, &count);
        assert_numbers(got, count, parents);
        got = llmsched_dag_children(dag, s, &count);
        assert_numbers(got, count, children);
    }
    assert_int_equal(llmsched_dag_edge_count(dag), edges);
}

/* --- paths -------------------------------------------------------------------------------- */

typedef struct best_path {
    double length;
    uint32_t stages[MOST];
    uint32_t count; /* 0: none yet */
} best_path;

/* Longer, or as long and lower where the two, read from their ends, first differ. */
static int is_better(const best_path *a, const best_path *b)
{
    if (b->count == 0 || a->length != b->length)
        return b->count == 0 || a->length > b->length;
    for (uint32_t i = 1; i <= a->count && i <= b->count; i++)
        if (a->stages[a->count - i] != b->stages[b->count - i])
            return a->stages[a->count - i] < b->stages[b->count - i];
    fail_msg("two paths from a source to a sink, one the end of the other");
    return 0;
}

/* Goes through all continuations of a path that begins at a stage without parents. */
static void extend(const graph *g, const double *weights, best_path path, uint32_t stage,
                   best_path *best)
{
    int sink = 1;
    path.stages[path.count++] = stage;
    path.length += weights[stage];
    for (uint32_t next = 0; next < g->stages; next++)
        if (g->edge[stage][next]) {
            sink = 0;
            extend(g, weights, path, next, best);
        }
    if (sink && is_better(&path, best))
        *best = path;
}

static void check_path(const graph *g, const llmsched_dag *dag, const double *weights)
{
    llmsched_error err = {0};
    best_path best = {0}, got = {0};
    for (uint32_t s = 0; s < g->stages; s++) {
        int source = 1;
        for (uint32_t t = 0; t < g->stages; t++)
            source &= !g->edge[t][s];
        if (source)
            extend(g, weights, (best_path){0}, s, &best);
    }
    assert_ok(llmsched_dag_critical_path(dag, weights, &got.length, got.stages, &got.count, &err),
              err);
    assert_true(got.length == best.length); /* whole numbers: exact */
    assert_int_equal(got.count, best.count);
    assert_memory_equal(got.stages, best.stages, best.count * sizeof *best.stages);
}

/* All weights of 0, 1 and 2: many ties, and stages that do not count. */
static void check_paths(const graph *g, const llmsched_dag *dag)
{
    uint32_t all = 1;
    for (uint32_t s = 0; s < g->stages; s++)
        all *= 3;
    for (uint32_t digits = 0; digits < all; digits++) {
        double weights[MOST];
        uint32_t rest = digits;
        for (uint32_t s = 0; s < g->stages; s++, rest /= 3)
            weights[s] = rest % 3;
        check_path(g, dag, weights);
    }
}

/* --- all of them ----------------------------------------------------------------------------- */

static int check_graph(const graph *g)
{
    llmsched_error err = {0};
    llmsched_dag *dag = NULL;
    llmsched_dag_builder *b = build(g);
    int cyclic = has_cycle(g);
    if (cyclic) {
        assert_status(LLMSCHED_ERROR_CYCLE, llmsched_dag_builder_freeze(b, &dag, &err), err);
        assert_null(dag);
        check_cycle(g, err.message);
    } else {
        dag = dags_freeze(b);
        check_order(g, dag);
        check_neighbours(g, dag);
        check_paths(g, dag);
        dags_assert_round_trip(dag);
    }
    llmsched_dag_release(dag);
    llmsched_dag_builder_destroy(b);
    return !cyclic;
}

static void every_graph(void **state)
{
    (void)state;
    /* Labelled acyclic digraphs: OEIS A003024. */
    static const uint32_t dags_of[MOST + 1] = {1, 1, 3, 25, 543};
    for (uint32_t stages = 1; stages <= MOST; stages++) {
        uint32_t acyclic = 0;
        for (uint32_t bits = 0; bits < UINT32_C(1) << (stages * (stages - 1)); bits++) {
            graph g = graph_of(stages, bits);
            acyclic += (uint32_t)check_graph(&g);
        }
        assert_int_equal(acyclic, dags_of[stages]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {DAG_TEST(every_graph)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
