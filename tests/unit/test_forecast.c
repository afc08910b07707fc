/* SPDX-License-Identifier: Apache-2.0 */
/* Forecasts of remaining work by each method, against what they are made of. */
#include "context.h"
#include "runs.h"

#include "profile/internal.h"
#include "quantify/internal.h"

static const uint32_t KINDS[] = {LLMSCHED_STAGE_LLM, LLMSCHED_STAGE_REGULAR};
enum { METHODS = LLMSCHED_BY_FOREST };
/* Share of the stages' posterior in the network's forecast. */
static const double STAGES = 0.2;

/* A job of the application of runs.h, and what is believed of it. */
struct job {
    llmsched_profile *profile;
    llmsched_quantifier *quantifier;
    llmsched_progress *progress;
};

/* Takes the profile over. */
static void job_start(struct job *job, llmsched_profile *profile)
{
    llmsched_error err = {0};
    llmsched_quantifier_options options = {.size = sizeof options, .samples = 100, .seed = 7};
    job->profile = profile;
    assert_ok(llmsched_quantifier_create(profile, &options, &job->quantifier, &err), err);
    assert_ok(llmsched_progress_create(profile, &job->progress, &err), err);
}

static llmsched_profile *fitted(void)
{
    llmsched_error err = {0};
    llmsched_profile *profile = NULL;
    assert_ok(test_profile(context, 5, 200, NULL, &profile, &err), err);
    return profile;
}

static void job_destroy(struct job *job)
{
    llmsched_progress_destroy(job->progress);
    llmsched_quantifier_destroy(job->quantifier);
    llmsched_profile_release(job->profile);
}

static void reveal(struct job *job, uint32_t kind, const char *name, double prompt)
{
    llmsched_error err = {0};
    llmsched_revealed_stage stage = {.size = sizeof stage,
                                     .kind = kind,
                                     .name = name,
                                     .has_prompt = prompt > 0,
                                     .prompt_tokens = prompt};
    assert_ok(llmsched_progress_reveal(job->progress, &stage, NULL, &err), err);
}

static void end(struct job *job, uint32_t number, double work)
{
    llmsched_error err = {0};
    assert_ok(llmsched_progress_end(job->progress, number, work, 100 * work, &err), err);
}

static void look(struct job *job)
{
    llmsched_error err = {0};
    assert_ok(llmsched_quantifier_set_progress(job->quantifier, job->progress, &err), err);
}

/* Moments of a job: just arrived; in its draft, hard and easy; in a repair; with stages that the
 * template lacks. */
enum { MOMENTS = 5 };
static void go_to(struct job *job, uint32_t moment)
{
    llmsched_error err = {0};
    llmsched_progress_destroy(job->progress);
    assert_ok(llmsched_progress_create(job->profile, &job->progress, &err), err);
    if (moment > 0)
        reveal(job, LLMSCHED_STAGE_LLM, "draft", moment == 1 ? 150 : 900);
    if (moment > 2) {
        end(job, 0, 4.5);
        reveal(job, LLMSCHED_STAGE_REGULAR, "check", 0);
        end(job, 1, 0.75);
        reveal(job, LLMSCHED_STAGE_LLM, "repair", 500);
    }
    if (moment > 3) {
        reveal(job, LLMSCHED_STAGE_LLM, "never seen", 20);
        reveal(job, LLMSCHED_STAGE_REGULAR, "never seen", 0);
        reveal(job, LLMSCHED_STAGE_REGULAR, "never seen", 0);
    }
    look(job);
}

static double mean_by(const struct job *job, uint32_t kind, uint32_t method)
{
    llmsched_error err = {0};
    double mean = -1;
    assert_ok(
        llmsched_quantifier_forecast(job->quantifier, kind, method, NULL, 0, NULL, &mean, &err),
        err);
    return mean;
}

/* --- means ---------------------------------------------------------------------------------- */

static double stages_mean(const struct job *job, uint32_t kind)
{
    llmsched_error err = {0};
    llmsched_remaining r = {.size = sizeof r};
    assert_ok(llmsched_quantifier_remaining(job->quantifier, kind, &r, &err), err);
    return r.mean_s +
           job->progress->strangers[lls_work_kind(kind)] * job->profile->mean_stage_s[kind];
}

/* The forest shrunk towards what the number of ended stages alone tells. */
static double shrunk_forest(const struct job *job, uint32_t k)
{
    double features[LLS_FEATURES], ended = job->quantifier->ended_stages;
    double share = job->profile->history_share[k];
    lls_headway_features(&job->progress->headway, features);
    return (1 - share) * lls_forest_mean(job->profile->forests[k], features) +
           share * lls_forest_mean(job->profile->histories[k], &ended);
}

static void test_means_are_what_they_are_made_of(void **state)
{
    (void)state;
    struct job job = {0};
    job_start(&job, fitted());
    for (uint32_t moment = 0; moment < 2 * MOMENTS; moment++) {
        go_to(&job, moment % MOMENTS);
        for (uint32_t k = 0; k < LLS_WORK_KINDS; k++) {
            double features[LLS_FEATURES];
            /* Whatever share was found good for these runs. */
            job.profile->history_share[k] = moment < MOMENTS ? 0.3 : 0;
            lls_headway_features(&job.progress->headway, features);
            double tree = lls_forest_mean(job.profile->trees[k], features);
            double forest = shrunk_forest(&job, k);
            assert_double_equal(mean_by(&job, KINDS[k], LLMSCHED_BY_TREE), tree, 0);
            assert_double_equal(mean_by(&job, KINDS[k], LLMSCHED_BY_FOREST), forest, 1e-12);
            assert_double_equal(mean_by(&job, KINDS[k], LLMSCHED_BY_NETWORK),
                                STAGES * stages_mean(&job, KINDS[k]) + (1 - STAGES) * forest,
                                1e-12);
        }
    }
    job_destroy(&job);
}

/* A long prompt means a long draft and repairs; each method but history sees it. */
static void test_what_is_known_moves_the_forecast(void **state)
{
    (void)state;
    struct job job = {0};
    job_start(&job, fitted());
    for (uint32_t method = 1; method <= METHODS; method++) {
        go_to(&job, 1);
        double easy = mean_by(&job, LLMSCHED_STAGE_LLM, method);
        go_to(&job, 2);
        double hard = mean_by(&job, LLMSCHED_STAGE_LLM, method);
        if (method == LLMSCHED_BY_HISTORY)
            assert_double_equal(easy, hard, 0);
        else
            assert_true(hard > 3 * easy);
    }
    job_destroy(&job);
}

/* Runs of one to three like stages, or of one or three and the prompt says which. */
static double share_of_history(bool telling)
{
    llmsched_error err = {0};
    llmsched_profiler *profiler = NULL;
    llmsched_profile *profile = NULL;
    lls_random random;
    lls_random_seed(&random, 11);
    assert_ok(llmsched_profiler_create(context, "shrunk", NULL, NULL, &profiler, &err), err);
    for (uint32_t i = 0; i < 300; i++) {
        struct test_run r = {.run = {.size = sizeof r.run, .stages = r.stages}};
        uint32_t stages =
            telling ? 1 + 2 * lls_random_below(&random, 2) : 1 + lls_random_below(&random, 3);
        for (uint32_t k = 0; k < stages; k++)
            test_run_add(&r, LLMSCHED_STAGE_LLM, "act", 1 + 4 * lls_random_uniform(&random),
                         telling ? 100 * stages : 100);
        assert_ok(llmsched_profiler_observe(profiler, &r.run, &err), err);
    }
    assert_ok(llmsched_profiler_fit(profiler, &profile, &err), err);
    double share = profile->history_share[0];
    llmsched_profile_release(profile);
    llmsched_profiler_destroy(profiler);
    return share;
}

static void test_the_forest_leaves_to_history_what_it_cannot_tell(void **state)
{
    (void)state;
    assert_true(share_of_history(false) >= 0.5);
    assert_true(share_of_history(true) <= 0.2);
}

static void test_history_is_that_of_the_profile(void **state)
{
    (void)state;
    llmsched_error err = {0};
    static const double levels[] = {0.5, 0.9, 0.1};
    struct job job = {0};
    job_start(&job, fitted());
    reveal(&job, LLMSCHED_STAGE_LLM, "draft", 150);
    /* Longer than any run was: the last entry stands for all beyond. */
    for (uint32_t ended = 0; ended < 12; ended++) {
        look(&job);
        for (uint32_t k = 0; k < LLS_WORK_KINDS; k++) {
            llmsched_remainder r = {.size = sizeof r};
            double q[3] = {-1, -1, -1}, mean = -1;
            assert_ok(llmsched_profile_get_remainder(job.profile, KINDS[k], ended, &r, &err), err);
            assert_ok(llmsched_quantifier_forecast(job.quantifier, KINDS[k], LLMSCHED_BY_HISTORY,
                                                   levels, 3, q, &mean, &err),
                      err);
            assert_double_equal(mean, r.mean_s, 0);
            assert_double_equal(q[0], r.q50_s, 0);
            assert_double_equal(q[1], r.q90_s, 0);
            assert_double_equal(q[2], r.q10_s, 0);
        }
        reveal(&job, LLMSCHED_STAGE_LLM, "repair", 500);
        end(&job, ended, 1);
    }
    job_destroy(&job);
}

static void test_nothing_is_left_of_a_job_that_is_over(void **state)
{
    (void)state;
    llmsched_error err = {0};
    static const double levels[] = {0.1, 0.9};
    struct job job = {0};
    job_start(&job, fitted());
    reveal(&job, LLMSCHED_STAGE_LLM, "draft", 150);
    end(&job, 0, 1);
    look(&job);
    for (uint32_t method = 1; method <= METHODS; method++) {
        for (uint32_t k = 0; k < LLS_WORK_KINDS; k++) {
            double q[2] = {-1, -1}, mean = -1;
            assert_ok(llmsched_quantifier_forecast(job.quantifier, KINDS[k], method, levels, 2, q,
                                                   &mean, &err),
                      err);
            assert_true(mean == 0 && q[0] == 0 && q[1] == 0);
        }
    }
    job_destroy(&job);
}

/* --- quantiles ------------------------------------------------------------------------------ */

struct point {
    double value, share;
};

static int by_value(const void *a, const void *b)
{
    const struct point *x = a, *y = b;
    return x->value < y->value ? -1 : x->value > y->value;
}

/* The least point such that those up to it hold the level. */
static double plain_quantile(struct point *points, uint32_t count, double level)
{
    qsort(points, count, sizeof *points, by_value);
    for (uint32_t i = 0; i < count; i++) {
        double sum = 0;
        for (uint32_t k = 0; k < count && points[k].value <= points[i].value; k++)
            sum += points[k].share;
        if (sum >= level - 1e-9)
            return points[i].value;
    }
    fail();
    return NAN;
}

static uint32_t add_forest(const lls_forest *forest, const double *features, double weight,
                           struct point *points)
{
    double shares[LLS_FOREST_LEVELS];
    uint32_t count = lls_forest_level_count(forest);
    (void)lls_forest_distribution(forest, features, shares);
    for (uint32_t i = 0; i < count; i++)
        points[i] = (struct point){lls_forest_levels(forest)[i], weight * shares[i]};
    return count;
}

static uint32_t add_stages(const struct job *job, uint32_t kind, double weight,
                           struct point *points)
{
    llmsched_error err = {0};
    llmsched_quantifier *q = job->quantifier;
    double strange =
        job->progress->strangers[lls_work_kind(kind)] * job->profile->mean_stage_s[kind];
    assert_ok(lls_distribute(q, kind, true, &err), err);
    for (uint32_t i = 0; i < q->points.count; i++)
        points[i] =
            (struct point){q->points.values[i] + strange, weight * q->points.probabilities[i]};
    return q->points.count;
}

static void compare_quantiles(const struct job *job, uint32_t kind, uint32_t method)
{
    enum { LEVELS = 40 };
    llmsched_error err = {0};
    struct point points[2 * LLS_FOREST_LEVELS + 600];
    double levels[LEVELS], quantiles[LEVELS], mean = -1, features[LLS_FEATURES];
    double ended = job->quantifier->ended_stages;
    const llmsched_profile *p = job->profile;
    uint32_t k = lls_work_kind(kind), count = 0;
    double trees = method == LLMSCHED_BY_NETWORK ? 1 - STAGES : 1;
    double share = method == LLMSCHED_BY_TREE ? 0 : p->history_share[k];
    lls_headway_features(&job->progress->headway, features);
    count += add_forest(method == LLMSCHED_BY_TREE ? p->trees[k] : p->forests[k], features,
                        trees * (1 - share), points);
    count += add_forest(p->histories[k], &ended, trees * share, points + count);
    if (method == LLMSCHED_BY_NETWORK)
        count += add_stages(job, kind, STAGES, points + count);
    for (uint32_t i = 0; i < LEVELS; i++)
        levels[i] = (i + 0.53) / LEVELS;
    assert_ok(llmsched_quantifier_forecast(job->quantifier, kind, method, levels, LEVELS, quantiles,
                                           &mean, &err),
              err);
    for (uint32_t i = 0; i < LEVELS; i++)
        assert_double_equal(quantiles[i], plain_quantile(points, count, levels[i]), 0);
}

static void test_quantiles_are_those_of_the_mixture(void **state)
{
    (void)state;
    struct job job = {0};
    job_start(&job, fitted());
    for (uint32_t moment = 0; moment < 2 * MOMENTS; moment++) {
        go_to(&job, moment % MOMENTS);
        for (uint32_t k = 0; k < LLS_WORK_KINDS; k++) {
            /* Whatever share was found good for these runs. */
            job.profile->history_share[k] = moment < MOMENTS ? 0.3 : 0;
            compare_quantiles(&job, KINDS[k], LLMSCHED_BY_NETWORK);
            compare_quantiles(&job, KINDS[k], LLMSCHED_BY_TREE);
            compare_quantiles(&job, KINDS[k], LLMSCHED_BY_FOREST);
        }
    }
    job_destroy(&job);
}

/* --- what is missing -------------------------------------------------------------------------- */

/* By network without trees or progress: the stages alone. */
static void compare_with_stages(const struct job *job)
{
    llmsched_error err = {0};
    static const double levels[] = {0.05, 0.5, 0.95};
    for (uint32_t k = 0; k < LLS_WORK_KINDS; k++) {
        double q[3], plain[3], mean = -1;
        llmsched_remaining r = {.size = sizeof r};
        assert_ok(llmsched_quantifier_forecast(job->quantifier, KINDS[k], LLMSCHED_BY_NETWORK,
                                               levels, 3, q, &mean, &err),
                  err);
        assert_ok(llmsched_quantifier_remaining(job->quantifier, KINDS[k], &r, &err), err);
        assert_ok(llmsched_quantifier_quantiles(job->quantifier, KINDS[k], levels, 3, plain, &err),
                  err);
        assert_double_equal(mean, r.mean_s, 0);
        assert_memory_equal(q, plain, sizeof q);
    }
}

static void refuse(const struct job *job, uint32_t method, llmsched_status status,
                   const char *words)
{
    llmsched_error err = {0};
    double level = 0.5, quantile = 77, mean = 78;
    assert_fails(status, words,
                 llmsched_quantifier_forecast(job->quantifier, LLMSCHED_STAGE_LLM, method, &level,
                                              1, &quantile, &mean, &err),
                 err);
    assert_true(quantile == 77 && mean == 78);
}

static void test_evidence_alone_tells_the_network_only(void **state)
{
    (void)state;
    llmsched_error err = {0};
    struct job job = {0};
    llmsched_stage_evidence evidence[RUN_STAGES];
    job_start(&job, fitted());
    for (uint32_t t = 0; t < RUN_STAGES; t++)
        evidence[t] = (llmsched_stage_evidence){.size = sizeof evidence[t]};
    for (uint32_t again = 0; again < 2; again++) {
        compare_with_stages(&job);
        for (uint32_t method = LLMSCHED_BY_HISTORY; method <= METHODS; method++)
            refuse(&job, method, LLMSCHED_ERROR_STATE, "progress");
        /* What was told of another job's progress does not outlive new evidence. */
        go_to(&job, 3);
        assert_ok(llmsched_quantifier_set_evidence(job.quantifier, evidence, RUN_STAGES, &err),
                  err);
    }
    job_destroy(&job);
}

static char *json_of(const llmsched_profile *profile)
{
    llmsched_error err = {0};
    llmsched_text *text = NULL;
    assert_ok(llmsched_profile_to_json(profile, &text, &err), err);
    size_t length = llmsched_text_length(text);
    char *copy = calloc(length + 1, 1);
    memcpy(copy, llmsched_text_data(text), length);
    llmsched_text_destroy(text);
    return copy;
}

static void test_a_profile_without_trees(void **state)
{
    (void)state;
    llmsched_error err = {0};
    struct job job = {0};
    llmsched_profile *whole = fitted(), *bare = NULL;
    char *json = json_of(whole), *key = strstr(json, "\"progress\"");
    assert_non_null(key);
    key[1] = 'P'; /* a key that nobody knows is ignored */
    assert_ok(llmsched_profile_from_json(context, json, strlen(json), &bare, &err), err);
    free(json);
    json = json_of(bare);
    assert_null(strstr(json, "rogress\""));
    free(json);
    job_start(&job, bare);
    go_to(&job, 3);
    compare_with_stages(&job);
    assert_true(mean_by(&job, LLMSCHED_STAGE_LLM, LLMSCHED_BY_HISTORY) > 0);
    refuse(&job, LLMSCHED_BY_TREE, LLMSCHED_ERROR_STATE, "no trees");
    refuse(&job, LLMSCHED_BY_FOREST, LLMSCHED_ERROR_STATE, "no trees");
    job_destroy(&job);
    llmsched_profile_release(whole);
}

/* --- saved and loaded ---------------------------------------------------------------------------
 */

static void test_saved_and_loaded_it_says_the_same(void **state)
{
    (void)state;
    llmsched_error err = {0};
    static const double levels[] = {0.1, 0.5, 0.9};
    struct job first = {0}, second = {0};
    llmsched_profile *again = NULL;
    job_start(&first, fitted());
    char *json = json_of(first.profile);
    assert_ok(llmsched_profile_from_json(context, json, strlen(json), &again, &err), err);
    char *json_again = json_of(again);
    assert_string_equal(json, json_again);
    job_start(&second, again);
    for (uint32_t i = 0; i < MOMENTS * METHODS * LLS_WORK_KINDS; i++) {
        uint32_t method = 1 + i % METHODS, kind = KINDS[i / METHODS % LLS_WORK_KINDS];
        double a[4] = {-1, -1, -1, -1}, b[4] = {-2, -2, -2, -2};
        go_to(&first, i / METHODS / LLS_WORK_KINDS);
        go_to(&second, i / METHODS / LLS_WORK_KINDS);
        assert_ok(
            llmsched_quantifier_forecast(first.quantifier, kind, method, levels, 3, a, a + 3, &err),
            err);
        assert_ok(llmsched_quantifier_forecast(second.quantifier, kind, method, levels, 3, b, b + 3,
                                               &err),
                  err);
        assert_memory_equal(a, b, sizeof a);
    }
    job_destroy(&first);
    job_destroy(&second);
    free(json);
    free(json_again);
}

/* Replaces the first `from` after "progress" by `to`, and expects to be refused. */
static void refuse_json(const char *json, const char *from, const char *to, const char *words)
{
    llmsched_error err = {0};
    llmsched_profile *profile = NULL;
    const char *progress = strstr(json, "\"progress\""), *at = strstr(progress, from);
    assert_non_null(at);
    size_t room = strlen(json) + strlen(to) + 1;
    char *broken = calloc(room, 1);
    snprintf(broken, room, "%.*s%s%s", (int)(at - json), json, to, at + strlen(from));
    assert_fails(LLMSCHED_ERROR_PARSE, words,
                 llmsched_profile_from_json(context, broken, strlen(broken), &profile, &err), err);
    assert_null(profile);
    free(broken);
}

static void test_damaged_trees_are_refused(void **state)
{
    (void)state;
    llmsched_profile *profile = fitted();
    char *json = json_of(profile), features[32];
    snprintf(features, sizeof features, "\"features\":%d", LLS_FEATURES);
    refuse_json(json, "\"class_places\":[", "\"class_places\":[1,", "class_places");
    refuse_json(json, "\"class_places\":[", "\"class_places\":[1,2,3,4,", "class_places");
    refuse_json(json, "\"class_places\":[", "\"was\":[", "class_places");
    /* Three classes, by how common: check, draft, repair. */
    refuse_json(json, "[1,0,2]", "[1,0]", "one place per class");
    refuse_json(json, "[1,0,2]", "[1,0,9]", "class_places[2]");
    refuse_json(json, "[1,0,2]", "[1,-1,2]", "class_places[1]");
    refuse_json(json, "[1,0,2]", "[0.5,0,2]", "class_places[0]");
    refuse_json(json, "[1,0,2]", "[1,\"0\",2]", "class_places");
    refuse_json(json, "\"llm_forest\":", "\"was\":", "llm_forest");
    refuse_json(json, "\"llm_tree\":", "\"was\":", "llm_tree");
    refuse_json(json, "\"tool_forest\":", "\"was\":", "tool_forest");
    refuse_json(json, "\"tool_tree\":", "\"was\":", "tool_tree");
    refuse_json(json, "\"tool_tree\":", "\"tool_tree\":3,\"was\":", "tool_tree");
    refuse_json(json, "\"llm_history\":", "\"was\":", "llm_history");
    refuse_json(json, "\"tool_history\":", "\"was\":", "tool_history");
    refuse_json(json, "\"llm_history_share\":", "\"was\":", "llm_history_share");
    refuse_json(
        json, "\"llm_history_share\":", "\"llm_history_share\":1.5,\"was\":", "llm_history_share");
    refuse_json(json, "\"tool_history_share\":", "\"tool_history_share\":-1,\"was\":",
                "tool_history_share");
    refuse_json(json, features, "\"features\":2", "llm_forest");
    refuse_json(json, "\"progress\":", "\"progress\":[],\"was\":", "progress");
    free(json);
    llmsched_profile_release(profile);
}

/* --- what is refused
 * ------------------------------------------------------------------------------ */

static void test_bad_questions_are_refused(void **state)
{
    (void)state;
    llmsched_error err = {0};
    struct job job = {0};
    double level = 0.5, quantile = 77, mean = 78;
    static const double bad[] = {0, 1, -0.5, NAN, INFINITY};
    job_start(&job, fitted());
    go_to(&job, 1);
    llmsched_quantifier *q = job.quantifier;
    const uint32_t llm = LLMSCHED_STAGE_LLM, forest = LLMSCHED_BY_FOREST;
    const struct {
        llmsched_quantifier *q;
        uint32_t kind, method;
        const double *levels;
        double *quantiles, *mean;
        const char *words;
    } questions[] = {
        {NULL, llm, forest, &level, &quantile, &mean, "NULL"},
        {q, 0, forest, &level, &quantile, &mean, "kind"},
        {q, LLMSCHED_STAGE_DYNAMIC, forest, &level, &quantile, &mean, "kind"},
        {q, llm, 0, &level, &quantile, &mean, "method 0"},
        {q, llm, METHODS + 1, &level, &quantile, &mean, "method 5"},
        {q, llm, forest, NULL, &quantile, &mean, "levels"},
        {q, llm, forest, &level, NULL, &mean, "quantiles"},
        {q, llm, forest, &level, &quantile, NULL, "NULL"},
        {q, llm, forest, &bad[0], &quantile, &mean, "levels[0]"},
        {q, llm, forest, &bad[1], &quantile, &mean, "levels[0]"},
        {q, llm, forest, &bad[2], &quantile, &mean, "levels[0]"},
        {q, llm, forest, &bad[3], &quantile, &mean, "levels[0]"},
        {q, llm, forest, &bad[4], &quantile, &mean, "levels[0]"},
    };
    for (uint32_t i = 0; i < LLS_COUNT(questions); i++) {
        assert_fails(LLMSCHED_ERROR_INVALID, questions[i].words,
                     llmsched_quantifier_forecast(questions[i].q, questions[i].kind,
                                                  questions[i].method, questions[i].levels, 1,
                                                  questions[i].quantiles, questions[i].mean, &err),
                     err);
        assert_true(quantile == 77 && mean == 78);
    }
    level = 0.25;
    refuse(&job, METHODS + 1, LLMSCHED_ERROR_INVALID, "method");
    double levels[] = {0.1, 0.25};
    double quantiles[] = {77, 77};
    assert_fails(LLMSCHED_ERROR_INVALID, "levels[1]",
                 llmsched_quantifier_forecast(q, llm, LLMSCHED_BY_HISTORY, levels, 2, quantiles,
                                              &mean, &err),
                 err);
    assert_true(quantiles[0] == 77 && quantiles[1] == 77 && mean == 78);
    job_destroy(&job);
}

static void test_progress_of_another_profile_is_refused(void **state)
{
    (void)state;
    llmsched_error err = {0};
    struct job job = {0}, other = {0};
    job_start(&job, fitted());
    job_start(&other, fitted());
    go_to(&job, 2);
    double before = mean_by(&job, LLMSCHED_STAGE_LLM, LLMSCHED_BY_NETWORK);
    assert_fails(LLMSCHED_ERROR_INVALID, "another profile",
                 llmsched_quantifier_set_progress(job.quantifier, other.progress, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "NULL",
                 llmsched_quantifier_set_progress(job.quantifier, NULL, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "NULL",
                 llmsched_quantifier_set_progress(NULL, job.progress, &err), err);
    assert_double_equal(mean_by(&job, LLMSCHED_STAGE_LLM, LLMSCHED_BY_NETWORK), before, 0);
    job_destroy(&job);
    job_destroy(&other);
}

static llmsched_status scenario(llmsched_context *c, llmsched_error *err)
{
    llmsched_profile *profile = NULL, *again = NULL;
    llmsched_text *text = NULL;
    llmsched_quantifier *q = NULL;
    llmsched_progress *p = NULL;
    llmsched_revealed_stage stage = {
        .size = sizeof stage, .kind = LLMSCHED_STAGE_LLM, .name = "draft"};
    double level = 0.5, quantile = 0, mean = 0;
    llmsched_status status = test_profile(c, 4, 20, NULL, &profile, err);
    if (status == LLMSCHED_OK)
        status = llmsched_profile_to_json(profile, &text, err);
    if (status == LLMSCHED_OK)
        status = llmsched_profile_from_json(c, llmsched_text_data(text), llmsched_text_length(text),
                                            &again, err);
    if (status == LLMSCHED_OK)
        status = llmsched_quantifier_create(again, NULL, &q, err);
    if (status == LLMSCHED_OK)
        status = llmsched_progress_create(again, &p, err);
    if (status == LLMSCHED_OK)
        status = llmsched_progress_reveal(p, &stage, NULL, err);
    if (status == LLMSCHED_OK)
        status = llmsched_quantifier_set_progress(q, p, err);
    for (uint32_t method = 1; method <= METHODS && status == LLMSCHED_OK; method++)
        status = llmsched_quantifier_forecast(q, LLMSCHED_STAGE_LLM, method, &level, 1, &quantile,
                                              &mean, err);
    llmsched_progress_destroy(p);
    llmsched_quantifier_destroy(q);
    llmsched_text_destroy(text);
    llmsched_profile_release(again);
    llmsched_profile_release(profile);
    return status;
}

static void test_every_failing_allocation(void **state)
{
    (void)state;
    assert_true(fail_each_allocation(scenario) > 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_means_are_what_they_are_made_of),
        cmocka_unit_test(test_what_is_known_moves_the_forecast),
        cmocka_unit_test(test_the_forest_leaves_to_history_what_it_cannot_tell),
        cmocka_unit_test(test_history_is_that_of_the_profile),
        cmocka_unit_test(test_nothing_is_left_of_a_job_that_is_over),
        cmocka_unit_test(test_quantiles_are_those_of_the_mixture),
        cmocka_unit_test(test_evidence_alone_tells_the_network_only),
        cmocka_unit_test(test_a_profile_without_trees),
        cmocka_unit_test(test_saved_and_loaded_it_says_the_same),
        cmocka_unit_test(test_damaged_trees_are_refused),
        cmocka_unit_test(test_bad_questions_are_refused),
        cmocka_unit_test(test_progress_of_another_profile_is_refused),
        cmocka_unit_test(test_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
