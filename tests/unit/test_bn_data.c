/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Public networks with reference answers of other engines, read from the folder bn/ below
 * $LLMSCHED_DATA. Their licence (CC BY-SA) keeps them out of this repository: without the
 * variable the test is skipped.
 */
#define _POSIX_C_SOURCE 200809L
#include "context.h"
#include "networks.h"

#include <stdlib.h>

#include "bayes/score.h"

enum { SKIPPED = 77, PATH = 1024, LINE = 4096 };

static llmsched_error err;
static const char *folder;
static const char *const networks[] = {"asia", "cancer", "sachs"};

/* --- files -------------------------------------------------------------------------- */

static char *slurp(const char *name, const char *ending, size_t *length)
{
    char path[PATH];
    snprintf(path, sizeof path, "%s/bn/%s%s", folder, name, ending);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail_msg("cannot read %s", path);
    size_t room = 1u << 20;
    char *text = malloc(room);
    *length = fread(text, 1, room, file);
    assert_true(*length < room);
    fclose(file);
    return text;
}

static lls_json *parse(const char *name, const char *ending)
{
    size_t length;
    char *text = slurp(name, ending, &length);
    lls_json *json = NULL;
    assert_ok(lls_json_parse(text, length, 1, &json, &err), err);
    free(text);
    return json;
}

static llmsched_network *load(const char *name)
{
    size_t length;
    char *text = slurp(name, ".json", &length);
    llmsched_network *n = NULL;
    assert_ok(llmsched_network_from_json(context, text, length, &n, &err), err);
    free(text);
    return n;
}

/* --- inference ------------------------------------------------------------------------ */

static uint32_t node_of(const llmsched_network *n, const lls_json *json)
{
    uint32_t node = llmsched_network_find(n, lls_json_value_string(json));
    assert_true(node != UINT32_MAX);
    return node;
}

static void set_evidence(llmsched_inference *inf, const llmsched_network *n, const lls_json *query)
{
    const lls_json *item;
    llmsched_inference_clear(inf);
    for (item = lls_json_first(lls_json_member(query, "evidence")); item != NULL;
         item = lls_json_next(item))
        assert_ok(llmsched_inference_set_state(inf, llmsched_network_find(n, lls_json_key(item)),
                                               (uint32_t)lls_json_value_number(item), &err),
                  err);
    const lls_json *soft = lls_json_member(query, "likelihood");
    for (item = soft != NULL ? lls_json_first(soft) : NULL; item != NULL;
         item = lls_json_next(item)) {
        double likelihood[16];
        uint32_t count = 0;
        for (const lls_json *v = lls_json_first(item); v != NULL; v = lls_json_next(v))
            likelihood[count++] = lls_json_value_number(v);
        assert_ok(llmsched_inference_set_likelihood(
                      inf, llmsched_network_find(n, lls_json_key(item)), likelihood, count, &err),
                  err);
    }
}

static void check_query(llmsched_inference *inf, const llmsched_network *n, const lls_json *query)
{
    double value, p[16];
    assert_ok(llmsched_inference_log_probability(inf, &value, &err), err);
    assert_double_equal(value, lls_json_value_number(lls_json_member(query, "log_p_evidence")),
                        1e-9);
    const lls_json *item = lls_json_first(lls_json_member(query, "marginals"));
    for (; item != NULL; item = lls_json_next(item)) {
        uint32_t node = llmsched_network_find(n, lls_json_key(item)), s = 0;
        assert_ok(llmsched_inference_marginal(inf, node, p, lls_json_count(item), &err), err);
        for (const lls_json *v = lls_json_first(item); v != NULL; v = lls_json_next(v))
            assert_double_equal(p[s++], lls_json_value_number(v), 1e-9);
    }
    item = lls_json_first(lls_json_member(query, "entropy"));
    for (; item != NULL; item = lls_json_next(item)) {
        uint32_t node = llmsched_network_find(n, lls_json_key(item));
        assert_ok(llmsched_inference_entropy(inf, &node, 1, &value, &err), err);
        assert_double_equal(value, lls_json_value_number(item), 1e-9);
    }
    item = lls_json_member(query, "joint_entropy");
    if (item != NULL) {
        assert_ok(llmsched_inference_total_entropy(inf, &value, &err), err);
        assert_double_equal(value, lls_json_value_number(item), 1e-9);
    }
}

static void check_information(llmsched_inference *inf, const llmsched_network *n,
                              const lls_json *query)
{
    uint32_t x = node_of(n, lls_json_member(query, "x"));
    const lls_json *y = lls_json_member(query, "y");
    double value;
    if (y != NULL) {
        uint32_t other = node_of(n, y);
        assert_ok(llmsched_inference_mutual_information(inf, x, &other, 1, &value, &err), err);
    } else {
        assert_ok(llmsched_inference_total_information(inf, x, &value, &err), err);
    }
    assert_double_equal(value, lls_json_value_number(lls_json_member(query, "mi")), 1e-9);
}

/* Answers every query of one list; returns how many there were. */
static uint32_t check_list(llmsched_inference *inf, const llmsched_network *n, const lls_json *json,
                           const char *list)
{
    const lls_json *queries = lls_json_member(json, list);
    double value;
    if (queries == NULL)
        return 0;
    for (const lls_json *q = lls_json_first(queries); q != NULL; q = lls_json_next(q)) {
        set_evidence(inf, n, q);
        if (strcmp(list, "queries") == 0)
            check_query(inf, n, q);
        else if (strcmp(list, "impossible") != 0)
            check_information(inf, n, q);
        else
            assert_status(LLMSCHED_ERROR_IMPOSSIBLE,
                          llmsched_inference_log_probability(inf, &value, &err), err);
    }
    return lls_json_count(queries);
}

static void test_reference_answers(void **state)
{
    (void)state;
    uint32_t queries = 0, information = 0, impossible = 0;
    for (size_t i = 0; i < LLS_COUNT(networks); i++) {
        llmsched_network *n = load(networks[i]);
        llmsched_inference *inf = NULL;
        assert_ok(llmsched_inference_create(n, &inf, &err), err);
        for (int soft = 0; soft < 2; soft++) {
            lls_json *json = parse(networks[i], soft ? ".soft.ref.json" : ".ref.json");
            queries += check_list(inf, n, json, "queries");
            information += check_list(inf, n, json, "mi") + check_list(inf, n, json, "set_mi");
            impossible += check_list(inf, n, json, "impossible");
            lls_json_free(json);
        }
        llmsched_inference_destroy(inf);
        llmsched_network_release(n);
    }
    assert_int_equal(queries, 90);
    assert_int_equal(information, 60);
    assert_int_equal(impossible, 4);
}

/* --- learning --------------------------------------------------------------------------- */

struct sample {
    llmsched_network *network;
    uint32_t *cells;
    uint32_t states[16];
    lls_table table;
};

/* Columns stand in the order of the network's nodes. */
static void load_sample(struct sample *s, const char *tag)
{
    char command[PATH + 64], line[LINE];
    bool asia = strncmp(tag, "asia", 4) == 0;
    s->network = load(asia ? "asia" : "sachs");
    uint32_t columns = llmsched_network_node_count(s->network), column = 0;
    for (uint32_t c = 0; c < columns; c++)
        s->states[c] = llmsched_network_state_count(s->network, c);
    snprintf(command, sizeof command, "gzip -dc '%s/bn/learn/%s.csv.gz'", folder, tag);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_non_null(fgets(line, sizeof line, pipe));
    for (char *name = strtok(line, ",\n"); name != NULL; name = strtok(NULL, ",\n"))
        assert_string_equal(name, llmsched_network_node_name(s->network, column++));
    assert_int_equal(column, columns);
    s->cells = calloc(5000 * (size_t)columns, sizeof *s->cells);
    size_t rows = 0;
    while (fgets(line, sizeof line, pipe) != NULL) {
        column = 0;
        for (char *cell = strtok(line, ",\n"); cell != NULL; cell = strtok(NULL, ",\n"))
            s->cells[rows * columns + column++] = (uint32_t)atoi(cell);
        assert_int_equal(column, columns);
        rows++;
    }
    assert_int_equal(pclose(pipe), 0);
    s->table = (lls_table){s->cells, rows, columns, s->states, NULL};
}

static void drop_sample(struct sample *s)
{
    free(s->cells);
    llmsched_network_release(s->network);
}

/* The score of the structure {child: [parents]}. */
static double score_of(const struct sample *s, lls_score score, const lls_json *structure)
{
    lls_scorer scorer;
    double sum = 0.0, term;
    assert_ok(lls_scorer_init(&scorer, context, &s->table, score, 10.0, 8, &err), err);
    for (const lls_json *item = lls_json_first(structure); item != NULL;
         item = lls_json_next(item)) {
        uint32_t parents[8], count = 0;
        for (const lls_json *p = lls_json_first(item); p != NULL; p = lls_json_next(p))
            parents[count++] = node_of(s->network, p);
        assert_true(lls_score_family(&scorer, llmsched_network_find(s->network, lls_json_key(item)),
                                     parents, count, 0, &term));
        sum += term;
    }
    lls_scorer_finish(&scorer);
    return sum;
}

static double given_order(const struct sample *s, lls_score score)
{
    uint32_t parents[16 * 3], counts[16];
    double value;
    lls_learn_options o = {.score = score, .ess = 10.0, .max_parents = 3, .prior = 1.0};
    assert_ok(lls_learn_structure(context, &s->table, &o, parents, counts, &value, &err), err);
    return value;
}

/* Asia's columns stand in an order of its arcs: no less than the truth can be learned from it. */
static void check_given_order(const struct sample *s, const lls_json *result, const char *algorithm)
{
    double bic = lls_json_value_number(lls_json_member(result, "bic"));
    double bdeu = lls_json_value_number(lls_json_member(result, "bdeu10"));
    if (strcmp(algorithm, "true network") == 0) {
        assert_true(given_order(s, LLS_SCORE_BIC) >= bic - 1e-9);
        assert_true(given_order(s, LLS_SCORE_BDEU) >= bdeu - 1e-9);
    } else if (strcmp(algorithm, "global optimum bic") == 0) {
        assert_true(given_order(s, LLS_SCORE_BIC) <= bic + 1e-9);
    } else if (strcmp(algorithm, "global optimum bdeu10") == 0) {
        assert_true(given_order(s, LLS_SCORE_BDEU) <= bdeu + 1e-9);
    }
}

static void test_scores(void **state)
{
    (void)state;
    lls_json *json = parse("learn/results", ".json");
    uint32_t checked = 0;
    for (const lls_json *r = lls_json_first(lls_json_member(json, "results")); r != NULL;
         r = lls_json_next(r), checked++) {
        struct sample s;
        const char *tag = lls_json_value_string(lls_json_member(r, "tag"));
        const lls_json *structure = lls_json_member(r, "parents");
        load_sample(&s, tag);
        assert_double_equal(score_of(&s, LLS_SCORE_BIC, structure),
                            lls_json_value_number(lls_json_member(r, "bic")), 1e-12);
        assert_double_equal(score_of(&s, LLS_SCORE_BDEU, structure),
                            lls_json_value_number(lls_json_member(r, "bdeu10")), 1e-12);
        if (strncmp(tag, "asia", 4) == 0)
            check_given_order(&s, r, lls_json_value_string(lls_json_member(r, "algo")));
        drop_sample(&s);
    }
    assert_int_equal(checked, 16);
    lls_json_free(json);
}

static void check_parameters(const struct sample *s, const lls_json *nodes, double ess)
{
    uint32_t parents[16 * 4] = {0}, counts[16] = {0};
    const char *names[16];
    llmsched_network *n = NULL;
    const lls_json *item;
    for (item = lls_json_first(nodes); item != NULL; item = lls_json_next(item)) {
        uint32_t node = node_of(s->network, lls_json_member(item, "name"));
        const lls_json *p = lls_json_first(lls_json_member(item, "parents"));
        for (; p != NULL; p = lls_json_next(p))
            parents[4 * node + counts[node]++] = node_of(s->network, p);
    }
    for (uint32_t i = 0; i < s->table.columns; i++)
        names[i] = llmsched_network_node_name(s->network, i);
    assert_ok(
        lls_learn_network_bdeu(context, &s->table, "", names, parents, counts, 4, ess, &n, &err),
        err);
    for (item = lls_json_first(nodes); item != NULL; item = lls_json_next(item)) {
        uint64_t size, i = 0;
        const double *table =
            llmsched_network_table(n, node_of(s->network, lls_json_member(item, "name")), &size);
        const lls_json *v = lls_json_first(lls_json_member(item, "cpt"));
        for (; v != NULL; v = lls_json_next(v))
            assert_double_equal(table[i++], lls_json_value_number(v), 1e-13);
        assert_int_equal(i, size);
    }
    llmsched_network_release(n);
}

static void test_parameters(void **state)
{
    (void)state;
    lls_json *json = parse("learn/params_ess10", ".json");
    uint32_t checked = 0;
    for (const lls_json *r = lls_json_first(lls_json_member(json, "results")); r != NULL;
         r = lls_json_next(r), checked++) {
        struct sample s;
        load_sample(&s, lls_json_value_string(lls_json_member(r, "data")));
        check_parameters(&s, lls_json_member(r, "nodes"),
                         lls_json_value_number(lls_json_member(r, "ess")));
        drop_sample(&s);
    }
    assert_true(checked > 0);
    lls_json_free(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference_answers),
        cmocka_unit_test(test_scores),
        cmocka_unit_test(test_parameters),
    };
    folder = getenv("LLMSCHED_DATA");
    if (folder == NULL || folder[0] == '\0') {
        printf("skipped: set LLMSCHED_DATA to the folder that holds bn/\n");
        return SKIPPED;
    }
    return cmocka_run_group_tests(tests, setup, teardown);
}
