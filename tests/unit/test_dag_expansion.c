/* SPDX-License-Identifier: Apache-2.0 */
/* What grows a template: candidate sets of dynamic stages, and unrolled loops. */
#include "dags.h"

#include "base/internal.h"

enum {
    LLM = LLMSCHED_STAGE_LLM,
    REGULAR = LLMSCHED_STAGE_REGULAR,
    DYNAMIC = LLMSCHED_STAGE_DYNAMIC
};

static void assert_edges(const llmsched_dag *dag, const uint32_t (*edges)[2], uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (!dags_has_edge(dag, edges[i][0], edges[i][1])) {
            print_error("edge %u -> %u is missing\n", (unsigned)edges[i][0], (unsigned)edges[i][1]);
            fail();
        }
    assert_int_equal(llmsched_dag_edge_count(dag), count);
}

/* --- candidates -------------------------------------------------------------------- */

/* 0 planner -> 1 dynamic -> 7 answer; members 2 .. 5, and 6 which is none. */
static llmsched_dag_builder *plan_and_execute(void)
{
    llmsched_dag_builder *b = dags_builder();
    dags_stage(b, LLM, "planner", NULL);
    dags_stage(b, DYNAMIC, "work", NULL);
    dags_stage(b, REGULAR, "search", NULL);
    dags_stage(b, REGULAR, "read", NULL);
    dags_stage(b, REGULAR, "compute", NULL);
    dags_stage(b, LLM, "check", NULL);
    dags_stage(b, REGULAR, "log", NULL);
    dags_stage(b, LLM, "answer", NULL);
    dags_edge(b, 0, 1);
    dags_edge(b, 1, 7);
    return b;
}

static void candidates_are_read_back(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_dag_builder *b = plan_and_execute();
    static const uint32_t look_up[] = {3, 2}, all[] = {5, 2, 4, 3};
    uint32_t number = 77;
    assert_ok(llmsched_dag_builder_add_candidate(b, 1, "look up", look_up, 2, &number, &err), err);
    assert_int_equal(number, 0);
    assert_ok(llmsched_dag_builder_add_candidate(b, 1, "nothing", NULL, 0, &number, &err), err);
    assert_int_equal(number, 1);
    assert_ok(llmsched_dag_builder_add_candidate(b, 1, "all", all, 4, NULL, &err), err);
    llmsched_dag *dag = dags_freeze(b);
    llmsched_dag_builder_destroy(b);

    static const uint32_t first[] = {2, 3, LLMSCHED_INDEX_NONE}, second[] = {LLMSCHED_INDEX_NONE},
                          third[] = {2, 3, 4, 5, LLMSCHED_INDEX_NONE};
    const char *name;
    uint32_t count;
    assert_int_equal(llmsched_dag_candidate_count(dag, 1), 3);
    assert_int_equal(llmsched_dag_candidate_count(dag, 0), 0);
    assert_int_equal(llmsched_dag_candidate_count(dag, 8), 0);
    const uint32_t *members = llmsched_dag_candidate(dag, 1, 0, &name, &count);
    assert_string_equal(name, "look up");
    assert_numbers(members, count, first);
    members = llmsched_dag_candidate(dag, 1, 1, &name, &count);
    assert_string_equal(name, "nothing");
    assert_numbers(members, count, second);
    members = llmsched_dag_candidate(dag, 1, 2, NULL, &count);
    assert_numbers(members, count, third);
    assert_null(llmsched_dag_candidate(dag, 1, 3, &name, &count));
    assert_true(name == NULL && count == 0);
    assert_null(llmsched_dag_candidate(dag, 0, 0, NULL, NULL));
    dags_assert_round_trip(dag);
    llmsched_dag_release(dag);
}

/* The dynamic stage comes before the members that no other member comes before. */
static void freezing_adds_edges_to_first_members(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_dag_builder *b = plan_and_execute();
    dags_edge(b, 2, 3); /* read has a parent among the members */
    dags_edge(b, 0, 4); /* compute has one outside only */
    dags_edge(b, 1, 5); /* check has its edge already */
    dags_edge(b, 5, 6);
    static const uint32_t one[] = {2, 3, 4, 5}, two[] = {3, 5};
    assert_ok(llmsched_dag_builder_add_candidate(b, 1, "one", one, 4, NULL, &err), err);
    assert_ok(llmsched_dag_builder_add_candidate(b, 1, "two", two, 2, NULL, &err), err);
    static const uint32_t edges[][2] = {{0, 1}, {1, 7}, {2, 3}, {0, 4},
                                        {1, 5}, {5, 6}, {1, 2}, {1, 4}};
    llmsched_dag *dag = dags_freeze(b);
    assert_edges(dag, edges, LLS_COUNT(edges));
    dags_assert_round_trip(dag);
    llmsched_dag_release(dag);
    llmsched_dag_builder_destroy(b);
}

static void dynamic_stages_nest(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_dag_builder *b = plan_and_execute();
    uint32_t inner = dags_stage(b, DYNAMIC, "inner", NULL);
    static const uint32_t leaf[] = {2}, self[] = {1};
    const uint32_t outer[] = {inner};
    assert_ok(llmsched_dag_builder_add_candidate(b, 1, "x", outer, 1, NULL, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "expands into",
                 llmsched_dag_builder_add_candidate(b, inner, "x", self, 1, NULL, &err), err);
    assert_ok(llmsched_dag_builder_add_candidate(b, inner, "x", leaf, 1, NULL, &err), err);
    llmsched_dag *dag = dags_freeze(b);
    assert_true(dags_has_edge(dag, 1, inner) && dags_has_edge(dag, inner, 2));
    dags_assert_round_trip(dag);
    llmsched_dag_release(dag);
    llmsched_dag_builder_destroy(b);
}

static void candidates_are_checked(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_dag_builder *b = plan_and_execute();
    uint32_t other = dags_stage(b, DYNAMIC, "other", NULL), number = 77;
    static const uint32_t good[] = {2, 3}, twice[] = {2, 4, 2}, itself[] = {2, 1}, far[] = {2, 9};
    assert_ok(llmsched_dag_builder_add_candidate(b, 1, "good", good, 2, NULL, &err), err);
    const struct {
        uint32_t stage;
        const char *name;
        const uint32_t *members;
        uint32_t count;
        llmsched_status status;
        const char *words;
    } cases[] = {
        {1, "good", good, 2, LLMSCHED_ERROR_EXISTS, "candidate \"good\": stage \"work\""},
        {1, "", good, 2, LLMSCHED_ERROR_INVALID, "name of a candidate"},
        {1, NULL, good, 2, LLMSCHED_ERROR_INVALID, "name of a candidate"},
        {1, "c", NULL, 2, LLMSCHED_ERROR_INVALID, "members: must not be NULL"},
        {1, "c", twice, 3, LLMSCHED_ERROR_INVALID, "member \"search\": named twice"},
        {1, "c", itself, 2, LLMSCHED_ERROR_INVALID, "member \"work\": it is"},
        {1, "c", far, 2, LLMSCHED_ERROR_NOT_FOUND, "no stage 9"},
        {1, "c", good, 1000, LLMSCHED_ERROR_INVALID, "1000 members"},
        {0, "c", good, 2, LLMSCHED_ERROR_INVALID, "stage \"planner\": only a dynamic"},
        {9, "c", good, 2, LLMSCHED_ERROR_NOT_FOUND, "no stage 9"},
        {other, "good", good, 2, LLMSCHED_ERROR_INVALID, "belongs to dynamic stage \"work\""},
    };
    for (size_t i = 0; i < LLS_COUNT(cases); i++) {
        assert_fails(cases[i].status, cases[i].words,
                     llmsched_dag_builder_add_candidate(b, cases[i].stage, cases[i].name,
                                                        cases[i].members, cases[i].count, &number,
                                                        &err),
                     err);
        assert_int_equal(number, 77);
    }
    assert_status(LLMSCHED_ERROR_INVALID,
                  llmsched_dag_builder_add_candidate(NULL, 1, "c", good, 2, NULL, &err), err);
    /* The same name in another stage is another name, and what was refused left no owner behind. */
    static const uint32_t free_one[] = {4};
    assert_ok(llmsched_dag_builder_add_candidate(b, other, "good", free_one, 1, &number, &err),
              err);
    assert_int_equal(number, 0);
    llmsched_dag_builder_destroy(b);
}

static void members_before_their_stage_are_a_cycle(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_dag_builder *b = plan_and_execute();
    dags_edge(b, 2, 0);
    static const uint32_t members[] = {2};
    assert_ok(llmsched_dag_builder_add_candidate(b, 1, "x", members, 1, NULL, &err), err);
    llmsched_dag *dag = NULL;
    assert_fails(LLMSCHED_ERROR_CYCLE, "3 stages", llmsched_dag_builder_freeze(b, &dag, &err), err);
    llmsched_dag_builder_destroy(b);
}

/* --- loops ---------------------------------------------------------------------------- */

/* 0 in -> 1 write -> 2 run -> 3 out, with 4 tests -> 2. */
static llmsched_dag_builder *code_and_repair(void)
{
    llmsched_error err = {0};
    llmsched_dag_builder *b = dags_builder();
    dags_stage(b, REGULAR, "in", NULL);
    llmsched_stage write = {.size = sizeof write,
                            .kind = LLM,
                            .id = "write",
                            .name = "coder",
                            .model = "llama",
                            .tasks = 2};
    assert_ok(llmsched_dag_builder_add_stage(b, &write, NULL, &err), err);
    dags_stage(b, REGULAR, "run", NULL);
    dags_stage(b, LLM, "out", NULL);
    dags_stage(b, REGULAR, "tests", NULL);
    dags_edge(b, 0, 1);
    dags_edge(b, 1, 2);
    dags_edge(b, 2, 3);
    dags_edge(b, 4, 2);
    return b;
}

static void loops_are_unrolled(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_dag_builder *b = code_and_repair();
    static const uint32_t body[] = {2, 1};
    uint32_t first = 77;
    assert_ok(llmsched_dag_builder_add_loop(b, body, 2, 3, &first, &err), err);
    assert_int_equal(first, 5);
    llmsched_dag *dag = dags_freeze(b);
    assert_int_equal(llmsched_dag_stage_count(dag), 9);
    /* Rounds: (1, 2), (6, 5), (8, 7). */
    static const uint32_t edges[][2] = {{0, 1}, {1, 2}, {2, 3}, {4, 2},  /* as built */
                                        {2, 6}, {6, 5}, {4, 5}, {5, 3},  /* round 2 */
                                        {5, 8}, {8, 7}, {4, 7}, {7, 3}}; /* round 3 */
    assert_edges(dag, edges, LLS_COUNT(edges));

    llmsched_stage stage = {.size = sizeof stage};
    assert_ok(llmsched_dag_stage(dag, 8, &stage, &err), err);
    assert_string_equal(stage.id, "write#3");
    assert_string_equal(stage.name, "coder");
    assert_string_equal(stage.model, "llama");
    assert_true(stage.kind == LLM && stage.tasks == 2 && stage.occurrence == 2);
    assert_ok(llmsched_dag_stage(dag, 5, &stage, &err), err);
    assert_string_equal(stage.id, "run#2");
    assert_string_equal(stage.name, "run");
    assert_int_equal(stage.occurrence, 1);
    assert_int_equal(llmsched_dag_find_occurrence(dag, LLM, "coder", 1), 6);
    assert_int_equal(llmsched_dag_find(dag, "run#3"), 7);
    dags_assert_round_trip(dag);
    llmsched_dag_release(dag);
    llmsched_dag_builder_destroy(b);
}

/* A body of two parts side by side: both ends of a round come before both beginnings of the next.
 */
static void wide_loops_are_linked_fully(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_dag_builder *b = dags_builder();
    dags_stage(b, LLM, "a", NULL);
    dags_stage(b, LLM, "b", NULL);
    static const uint32_t body[] = {0, 1};
    assert_ok(llmsched_dag_builder_add_loop(b, body, 2, 2, NULL, &err), err);
    static const uint32_t edges[][2] = {{0, 2}, {0, 3}, {1, 2}, {1, 3}};
    llmsched_dag *dag = dags_freeze(b);
    assert_edges(dag, edges, LLS_COUNT(edges));
    llmsched_dag_release(dag);

    /* A loop over all of it: "a#2" is taken by then. */
    static const uint32_t all[] = {0, 1, 2, 3};
    assert_ok(llmsched_dag_builder_add_loop(b, all, 4, 2, NULL, &err), err);
    dag = dags_freeze(b);
    assert_int_equal(llmsched_dag_find(dag, "a#3"), 4);
    assert_int_equal(llmsched_dag_find(dag, "b#3"), 5);
    assert_int_equal(llmsched_dag_find(dag, "a#2#2"), 6);
    assert_int_equal(llmsched_dag_find(dag, "b#2#2"), 7);
    assert_int_equal(llmsched_dag_find_occurrence(dag, LLM, "a", 3), 6);
    static const uint32_t outer[][2] = {{0, 2}, {0, 3}, {1, 2}, {1, 3}, {4, 6}, {4, 7},
                                        {5, 6}, {5, 7}, {2, 4}, {2, 5}, {3, 4}, {3, 5}};
    assert_edges(dag, outer, LLS_COUNT(outer));
    llmsched_dag_release(dag);
    llmsched_dag_builder_destroy(b);
}

static void loops_are_checked(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_dag_builder *b = code_and_repair();
    uint32_t dynamic = dags_stage(b, DYNAMIC, "d", NULL), member = dags_stage(b, LLM, "m", NULL);
    assert_ok(llmsched_dag_builder_add_candidate(b, dynamic, "c", &member, 1, NULL, &err), err);
    llmsched_dag *before = dags_freeze(b);
    static const uint32_t body[] = {1, 2}, twice[] = {1, 2, 1}, far[] = {1, 7};
    const struct {
        const uint32_t *body;
        uint32_t count, rounds;
        llmsched_status status;
        const char *words;
    } cases[] = {
        {NULL, 2, 2, LLMSCHED_ERROR_INVALID, "body: must not be NULL"},
        {body, 0, 2, LLMSCHED_ERROR_INVALID, "expected 1 .. 7 stages"},
        {body, 8, 2, LLMSCHED_ERROR_INVALID, "expected 1 .. 7 stages"},
        {body, 2, 1, LLMSCHED_ERROR_INVALID, "2 rounds"},
        {body, 2, 0, LLMSCHED_ERROR_INVALID, "2 rounds"},
        {body, 2, UINT32_MAX, LLMSCHED_ERROR_LIMIT, "max_stages"},
        {twice, 3, 2, LLMSCHED_ERROR_INVALID, "stage \"write\": twice"},
        {far, 2, 2, LLMSCHED_ERROR_NOT_FOUND, "no stage 7"},
        {&dynamic, 1, 2, LLMSCHED_ERROR_INVALID, "stage \"d\""},
        {&member, 1, 2, LLMSCHED_ERROR_INVALID, "stage \"m\""},
    };
    for (size_t i = 0; i < LLS_COUNT(cases); i++) {
        uint32_t first = 77;
        assert_fails(cases[i].status, cases[i].words,
                     llmsched_dag_builder_add_loop(b, cases[i].body, cases[i].count,
                                                   cases[i].rounds, &first, &err),
                     err);
        assert_int_equal(first, 77);
        llmsched_dag *after = dags_freeze(b);
        dags_assert_equal(before, after);
        llmsched_dag_release(after);
    }
    assert_status(LLMSCHED_ERROR_INVALID,
                  llmsched_dag_builder_add_loop(NULL, body, 2, 2, NULL, &err), err);
    assert_ok(llmsched_dag_builder_add_loop(b, body, 2, 2, NULL, &err), err);
    llmsched_dag_release(before);
    llmsched_dag_builder_destroy(b);
}

/* in -> A -> x -> B with the loop {A, B}: x would have to come both before and after. */
static void bodies_with_gaps_are_cycles(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_dag_builder *b = code_and_repair();
    static const uint32_t body[] = {1, 3};
    assert_ok(llmsched_dag_builder_add_loop(b, body, 2, 2, NULL, &err), err);
    llmsched_dag *dag = NULL;
    assert_status(LLMSCHED_ERROR_CYCLE, llmsched_dag_builder_freeze(b, &dag, &err), err);
    llmsched_dag_builder_destroy(b);
}

/* The longest loop that a context allows. */
static void long_loops_are_unrolled(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_dag_builder *b = dags_builder();
    dags_stage(b, LLM, "a", NULL);
    static const uint32_t body[] = {0};
    assert_status(LLMSCHED_ERROR_LIMIT,
                  llmsched_dag_builder_add_loop(b, body, 1, 65537, NULL, &err), err);
    assert_ok(llmsched_dag_builder_add_loop(b, body, 1, 65536, NULL, &err), err);
    llmsched_dag *dag = dags_freeze(b);
    assert_int_equal(llmsched_dag_stage_count(dag), 65536);
    assert_int_equal(llmsched_dag_edge_count(dag), 65535);
    assert_int_equal(llmsched_dag_find(dag, "a#65536"), 65535);
    assert_int_equal(llmsched_dag_find_occurrence(dag, LLM, "a", 65535), 65535);
    llmsched_dag_release(dag);
    llmsched_dag_builder_destroy(b);
}

/* --- both beside slow twins, which follow the words of dag.h ------------------------------ */

enum { FEW = 6, ROUNDS = 4, MOST = FEW * ROUNDS };

typedef struct twin {
    uint32_t stages;
    bool edge[MOST][MOST];
} twin;

static void assert_same_edges(const llmsched_dag *dag, const twin *t)
{
    assert_int_equal(llmsched_dag_stage_count(dag), t->stages);
    for (uint32_t from = 0; from < t->stages; from++)
        for (uint32_t to = 0; to < t->stages; to++)
            assert_int_equal(dags_has_edge(dag, from, to), t->edge[from][to]);
}

/* Edges go from low to high numbers. The last stages, from `regular` on, are dynamic. */
static llmsched_dag_builder *random_builder(lls_random *random, uint32_t regular, twin *t)
{
    llmsched_dag_builder *b = dags_builder();
    memset(t, 0, sizeof *t);
    t->stages = FEW;
    for (uint32_t s = 0; s < FEW; s++) {
        const char id[] = {(char)('a' + (int)s), '\0'};
        dags_stage(b, s < regular ? REGULAR : DYNAMIC, id, NULL);
    }
    for (uint32_t from = 0; from < FEW; from++)
        for (uint32_t to = from + 1; to < FEW; to++)
            if (lls_random_below(random, 3) == 0) {
                dags_edge(b, from, to);
                t->edge[from][to] = true;
            }
    return b;
}

static bool holds(const uint32_t *list, uint32_t count, uint32_t stage)
{
    for (uint32_t i = 0; i < count; i++)
        if (list[i] == stage)
            return true;
    return false;
}

/* Number of a stage of the body in a round, or the stage itself. */
static uint32_t in_round(const uint32_t *body, uint32_t count, uint32_t round, uint32_t stage)
{
    for (uint32_t i = 0; i < count; i++)
        if (body[i] == stage && round > 0)
            return FEW + (round - 1) * count + i;
    return stage;
}

static bool inner_source(const twin *t, const uint32_t *body, uint32_t count, uint32_t stage)
{
    for (uint32_t i = 0; i < count; i++)
        if (t->edge[body[i]][stage])
            return false;
    return true;
}

static bool inner_sink(const twin *t, const uint32_t *body, uint32_t count, uint32_t stage)
{
    for (uint32_t i = 0; i < count; i++)
        if (t->edge[stage][body[i]])
            return false;
    return true;
}

static void unroll_twin(twin *t, const uint32_t *body, uint32_t count, uint32_t rounds)
{
    const twin old = *t;
    t->stages += count * (rounds - 1);
    for (uint32_t r = 1; r < rounds; r++) {
        for (uint32_t from = 0; from < FEW; from++)
            for (uint32_t to = 0; to < FEW; to++) {
                bool inside = holds(body, count, to);
                bool later =
                    holds(body, count, from) || (inside && !inner_source(&old, body, count, to));
                if (old.edge[from][to] && later)
                    t->edge[in_round(body, count, r, from)][in_round(body, count, r, to)] = true;
            }
        for (uint32_t i = 0; i < count; i++)
            for (uint32_t j = 0; j < count; j++)
                if (inner_sink(&old, body, count, body[i]) &&
                    inner_source(&old, body, count, body[j]))
                    t->edge[in_round(body, count, r - 1, body[i])]
                           [in_round(body, count, r, body[j])] = true;
    }
}

static void random_loops_follow_the_rules(void **state)
{
    (void)state;
    lls_random random;
    lls_random_seed(&random, 10);
    uint32_t frozen = 0;
    for (int run = 0; run < 3000; run++) {
        llmsched_error err = {0};
        twin t;
        uint32_t body[FEW], count = 0, rounds = 2 + lls_random_below(&random, ROUNDS - 1);
        llmsched_dag_builder *b = random_builder(&random, FEW, &t);
        for (uint32_t s = FEW; s-- > 0;)
            if (lls_random_below(&random, 2) || (s == 0 && count == 0))
                body[count++] = s;
        assert_ok(llmsched_dag_builder_add_loop(b, body, count, rounds, NULL, &err), err);
        unroll_twin(&t, body, count, rounds);
        llmsched_dag *dag = NULL;
        llmsched_status status = llmsched_dag_builder_freeze(b, &dag, &err);
        assert_true(status == LLMSCHED_OK || status == LLMSCHED_ERROR_CYCLE);
        if (status == LLMSCHED_OK) {
            assert_same_edges(dag, &t);
            dags_assert_round_trip(dag);
            frozen++;
        }
        llmsched_dag_release(dag);
        llmsched_dag_builder_destroy(b);
    }
    assert_true(frozen > 1000);
}

/* Two dynamic stages at the end; each other stage belongs to one of them or to none. */
static void random_candidates_follow_the_rules(void **state)
{
    (void)state;
    enum { REGULARS = FEW - 2 };
    lls_random random;
    lls_random_seed(&random, 11);
    uint32_t frozen = 0;
    for (int run = 0; run < 3000; run++) {
        llmsched_error err = {0};
        twin t;
        llmsched_dag_builder *b = random_builder(&random, REGULARS, &t);
        uint32_t owner[FEW] = {0}, members[FEW], count;
        for (uint32_t s = 0; s < REGULARS; s++)
            owner[s] = REGULARS + lls_random_below(&random, 3); /* FEW: none */
        for (uint32_t d = REGULARS; d < FEW; d++) {
            /* Two candidates that share some members and together have all. */
            for (uint32_t c = 0; c < 2; c++) {
                count = 0;
                for (uint32_t s = 0; s < REGULARS; s++)
                    if (owner[s] == d && (c == 0 || s % 2 == 0))
                        members[count++] = s;
                assert_ok(llmsched_dag_builder_add_candidate(b, d, c == 0 ? "all" : "even", members,
                                                             count, NULL, &err),
                          err);
            }
        }
        const twin old = t;
        for (uint32_t s = 0; s < REGULARS; s++) {
            bool bare = owner[s] < FEW;
            for (uint32_t p = 0; p < REGULARS; p++)
                if (old.edge[p][s] && owner[p] == owner[s])
                    bare = false;
            if (bare)
                t.edge[owner[s]][s] = true;
        }
        llmsched_dag *dag = NULL;
        llmsched_status status = llmsched_dag_builder_freeze(b, &dag, &err);
        assert_true(status == LLMSCHED_OK || status == LLMSCHED_ERROR_CYCLE);
        if (status == LLMSCHED_OK) {
            assert_same_edges(dag, &t);
            dags_assert_round_trip(dag);
            frozen++;
        }
        llmsched_dag_release(dag);
        llmsched_dag_builder_destroy(b);
    }
    assert_true(frozen > 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DAG_TEST(candidates_are_read_back),
        DAG_TEST(freezing_adds_edges_to_first_members),
        DAG_TEST(dynamic_stages_nest),
        DAG_TEST(candidates_are_checked),
        DAG_TEST(members_before_their_stage_are_a_cycle),
        DAG_TEST(loops_are_unrolled),
        DAG_TEST(wide_loops_are_linked_fully),
        DAG_TEST(loops_are_checked),
        DAG_TEST(bodies_with_gaps_are_cycles),
        DAG_TEST(long_loops_are_unrolled),
        DAG_TEST(random_loops_follow_the_rules),
        DAG_TEST(random_candidates_follow_the_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
