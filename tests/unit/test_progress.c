/* SPDX-License-Identifier: Apache-2.0 */
/* Following a job: its evidence, its counts and sums, and that training saw the same. */
#include "context.h"
#include "runs.h"

#include "profile/internal.h"
#include "quantify/progress.h"

/* Where a feature stands. */
enum {
    ENDED_LLM,
    ENDED_TOOL,
    LLM_S,
    LAST_OUTPUT,
    MEAN_OUTPUT,
    MOST_OUTPUT,
    OUTPUTS,
    LAST_TOOL_S,
    TOOL_S,
    PENDING_LLM,
    PENDING_TASKS,
    PENDING_TOOL,
    PROMPTS,
    MOST_PROMPT,
    FIRST_PROMPT,
    FIRST_OUTPUT,
    CLASSES
};

static llmsched_progress *follow(const llmsched_profile *profile)
{
    llmsched_error err = {0};
    llmsched_progress *p = NULL;
    assert_ok(llmsched_progress_create(profile, &p, &err), err);
    return p;
}

static llmsched_profile *some_profile(void)
{
    llmsched_error err = {0};
    llmsched_profile *profile = NULL;
    assert_ok(test_profile(context, 3, 60, NULL, &profile, &err), err);
    return profile;
}

/* prompt under 0: not known. */
static uint32_t reveal(llmsched_progress *p, uint32_t kind, const char *name, uint32_t tasks,
                       double prompt)
{
    llmsched_error err = {0};
    uint32_t number = 99;
    llmsched_revealed_stage stage = {.size = sizeof stage,
                                     .kind = kind,
                                     .name = name,
                                     .tasks = tasks,
                                     .has_prompt = prompt >= 0,
                                     .prompt_tokens = prompt >= 0 ? prompt : 0};
    assert_ok(llmsched_progress_reveal(p, &stage, &number, &err), err);
    return number;
}

static void end(llmsched_progress *p, uint32_t number, double work, double output)
{
    llmsched_error err = {0};
    assert_ok(llmsched_progress_end(p, number, work, output, &err), err);
}

static double feature(const llmsched_progress *p, uint32_t which)
{
    double features[LLS_FEATURES];
    lls_headway_features(&p->headway, features);
    return features[which];
}

#define assert_feature(p, which, value) assert_double_equal(feature((p), (which)), (value), 0)

/* --- counts and sums ------------------------------------------------------------------------ */

static void test_counts_and_sums(void **state)
{
    (void)state;
    llmsched_profile *profile = some_profile();
    llmsched_progress *p = follow(profile);
    static const uint32_t never[] = {LAST_OUTPUT, MEAN_OUTPUT,  MOST_OUTPUT,
                                     LAST_TOOL_S, FIRST_PROMPT, FIRST_OUTPUT};
    for (uint32_t i = 0; i < LLS_COUNT(never); i++)
        assert_feature(p, never[i], -1);
    assert_feature(p, MOST_PROMPT, 0);
    assert_int_equal(reveal(p, LLMSCHED_STAGE_LLM, "draft", 3, 700), 0);
    assert_int_equal(reveal(p, LLMSCHED_STAGE_REGULAR, "check", 2, -1), 1);
    assert_int_equal(reveal(p, LLMSCHED_STAGE_DYNAMIC, "what next", 0, -1), 2);
    assert_int_equal(reveal(p, LLMSCHED_STAGE_LLM, "draft", 0, -1), 3);
    assert_feature(p, PENDING_LLM, 2);
    assert_feature(p, PENDING_TASKS, 4);
    assert_feature(p, PENDING_TOOL, 1);
    assert_feature(p, PROMPTS, 700);
    assert_int_equal(lls_headway_pending(&p->headway), 4);
    end(p, 2, 0, -1);
    end(p, 1, 1.5, 77); /* what a tool writes counts for nothing */
    end(p, 3, 2.5, 40);
    assert_feature(p, FIRST_OUTPUT, -1);
    assert_feature(p, MEAN_OUTPUT, 40);
    end(p, 0, 4, 20);
    assert_feature(p, ENDED_LLM, 2);
    assert_feature(p, ENDED_TOOL, 1);
    assert_feature(p, LLM_S, 6.5);
    assert_feature(p, LAST_OUTPUT, 20);
    assert_feature(p, MEAN_OUTPUT, 30);
    assert_feature(p, MOST_OUTPUT, 40);
    assert_feature(p, OUTPUTS, 60);
    assert_feature(p, LAST_TOOL_S, 1.5);
    assert_feature(p, TOOL_S, 1.5);
    assert_feature(p, PENDING_LLM, 0);
    assert_feature(p, PENDING_TASKS, 0);
    assert_feature(p, PENDING_TOOL, 0);
    assert_feature(p, PROMPTS, 0);
    assert_feature(p, FIRST_PROMPT, 700);
    assert_feature(p, FIRST_OUTPUT, 20);
    assert_int_equal(lls_headway_pending(&p->headway), 0);
    llmsched_progress_destroy(p);
    llmsched_profile_release(profile);
}

static void test_outputs_that_nobody_told(void **state)
{
    (void)state;
    llmsched_profile *profile = some_profile();
    llmsched_progress *p = follow(profile);
    for (uint32_t i = 0; i < 3; i++)
        reveal(p, LLMSCHED_STAGE_LLM, "draft", 1, 100);
    end(p, 0, 1, -1);
    assert_feature(p, LAST_OUTPUT, -1);
    assert_feature(p, MEAN_OUTPUT, -1);
    assert_feature(p, FIRST_PROMPT, 100);
    assert_feature(p, FIRST_OUTPUT, -1);
    end(p, 1, 1, 0);
    assert_feature(p, LAST_OUTPUT, 0);
    assert_feature(p, MEAN_OUTPUT, 0);
    assert_feature(p, MOST_OUTPUT, 0);
    end(p, 2, 1, -5);
    assert_feature(p, LAST_OUTPUT, -1);
    assert_feature(p, MEAN_OUTPUT, 0);
    llmsched_progress_destroy(p);
    llmsched_profile_release(profile);
}

static void test_the_greatest_prompt(void **state)
{
    (void)state;
    llmsched_profile *profile = some_profile();
    llmsched_progress *p = follow(profile);
    static const double prompts[] = {5, 9, 9, 7, 2};
    for (uint32_t i = 0; i < LLS_COUNT(prompts); i++)
        reveal(p, LLMSCHED_STAGE_LLM, "draft", 1, prompts[i]);
    reveal(p, LLMSCHED_STAGE_REGULAR, "check", 1, 1000); /* tools have none */
    assert_feature(p, MOST_PROMPT, 9);
    end(p, 1, 1, 1);
    assert_feature(p, MOST_PROMPT, 9); /* the other one */
    end(p, 2, 1, 1);
    assert_feature(p, MOST_PROMPT, 7);
    assert_feature(p, PROMPTS, 14);
    /* Not asked between the end of the greatest and a greater one. */
    end(p, 3, 1, 1);
    reveal(p, LLMSCHED_STAGE_LLM, "draft", 1, 6);
    assert_feature(p, MOST_PROMPT, 6);
    end(p, 0, 1, 1);
    end(p, 6, 1, 1);
    assert_feature(p, MOST_PROMPT, 2);
    end(p, 4, 1, 1);
    assert_feature(p, MOST_PROMPT, 0);
    llmsched_progress_destroy(p);
    llmsched_profile_release(profile);
}

/* Classes have places by how common they are; a name never seen counts with the others. */
static void test_counts_by_class(void **state)
{
    (void)state;
    llmsched_profile *profile = some_profile();
    llmsched_progress *p = follow(profile);
    uint32_t check =
        lls_profile_place(profile, lls_profile_class(profile, LLMSCHED_STAGE_REGULAR, "check"));
    uint32_t draft =
        lls_profile_place(profile, lls_profile_class(profile, LLMSCHED_STAGE_LLM, "draft"));
    assert_int_equal(check, 0); /* each run has one for every other stage */
    assert_int_equal(draft, 1);
    assert_int_equal(lls_profile_place(profile, LLS_NONE32), LLS_COUNTED_CLASSES);
    reveal(p, LLMSCHED_STAGE_REGULAR, "check", 1, -1);
    reveal(p, LLMSCHED_STAGE_REGULAR, "check", 1, -1);
    reveal(p, LLMSCHED_STAGE_LLM, "never seen", 1, -1);
    end(p, 0, 1, -1);
    assert_feature(p, CLASSES + 2 * check, 1);
    assert_feature(p, CLASSES + 2 * check + 1, 1);
    assert_feature(p, CLASSES + 2 * draft + 1, 0);
    assert_feature(p, CLASSES + 2 * LLS_COUNTED_CLASSES + 1, 1);
    llmsched_progress_destroy(p);
    llmsched_profile_release(profile);
}

/* --- against a twin that looks through all stages each time ---------------------------------- */

enum { TWIN_STAGES = 60 };

struct twin_stage {
    uint32_t kind, tasks;
    bool ended;
    double prompt, output;
};

static void compare_pending(const llmsched_progress *p, const struct twin_stage *stages,
                            uint32_t count)
{
    double llm = 0, tasks = 0, tools = 0, prompts = 0, most = 0, outputs = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct twin_stage *s = &stages[i];
        bool llm_stage = s->kind == LLMSCHED_STAGE_LLM;
        tools += s->kind == LLMSCHED_STAGE_REGULAR && !s->ended;
        if (llm_stage && s->ended)
            outputs += fmax(0, s->output);
        if (!llm_stage || s->ended)
            continue;
        llm++;
        tasks += s->tasks;
        prompts += s->prompt;
        most = fmax(most, s->prompt);
    }
    assert_feature(p, PENDING_LLM, llm);
    assert_feature(p, PENDING_TASKS, tasks);
    assert_feature(p, PENDING_TOOL, tools);
    assert_feature(p, PROMPTS, prompts);
    assert_feature(p, MOST_PROMPT, most);
    assert_feature(p, OUTPUTS, outputs);
}

static void run_twin(const llmsched_profile *profile, lls_random *random)
{
    llmsched_progress *p = follow(profile);
    struct twin_stage stages[TWIN_STAGES];
    uint32_t count = 0, ended = 0;
    while (ended < TWIN_STAGES) {
        uint32_t i = lls_random_below(random, TWIN_STAGES);
        if (i >= count && count < TWIN_STAGES) {
            struct twin_stage *s = &stages[count];
            *s = (struct twin_stage){.kind = 1 + lls_random_below(random, 3),
                                     .tasks = 1 + lls_random_below(random, 3),
                                     .prompt = lls_random_below(random, 4)};
            assert_int_equal(reveal(p, s->kind, "any", s->tasks, s->prompt), count++);
        } else if (i < count && !stages[i].ended) {
            stages[i].ended = true;
            stages[i].output = (double)lls_random_below(random, 9) - 1;
            end(p, i, 1, stages[i].output);
            ended++;
        }
        compare_pending(p, stages, count);
    }
    llmsched_progress_destroy(p);
}

static void test_against_a_twin(void **state)
{
    (void)state;
    llmsched_profile *profile = some_profile();
    uint64_t seed = 2024;
    lls_random random;
    print_message("seed %llu\n", (unsigned long long)seed);
    lls_random_seed(&random, seed);
    for (uint32_t i = 0; i < 50; i++)
        run_twin(profile, &random);
    llmsched_profile_release(profile);
}

/* Each end takes the greatest prompt away, and each is followed by a question. */
static void test_a_long_job(void **state)
{
    (void)state;
    enum { LONG = 65536 };
    llmsched_profile *profile = some_profile();
    llmsched_progress *p = follow(profile);
    for (uint32_t i = 0; i < LONG; i++)
        reveal(p, LLMSCHED_STAGE_LLM, "draft", 1, LONG - i);
    for (uint32_t i = 0; i < LONG; i++) {
        assert_true(feature(p, MOST_PROMPT) == LONG - i);
        end(p, i, 1, 1);
    }
    assert_feature(p, OUTPUTS, LONG);
    llmsched_progress_destroy(p);
    llmsched_profile_release(profile);
}

/* --- what training saw -------------------------------------------------------------------------
 */

static llmsched_dag *dag_with_a_choice(void)
{
    llmsched_error err = {0};
    llmsched_dag_builder *b = NULL;
    llmsched_dag *dag = NULL;
    llmsched_stage plan = {.size = sizeof plan, .kind = LLMSCHED_STAGE_LLM, .id = "plan"};
    llmsched_stage what = {.size = sizeof what, .kind = LLMSCHED_STAGE_DYNAMIC, .id = "what"};
    llmsched_stage tool = {.size = sizeof tool, .kind = LLMSCHED_STAGE_REGULAR, .id = "tool"};
    static const uint32_t members[] = {2};
    uint32_t number;
    assert_ok(llmsched_dag_builder_create(context, "choosy", &b, &err), err);
    assert_ok(llmsched_dag_builder_add_stage(b, &plan, &number, &err), err);
    assert_ok(llmsched_dag_builder_add_stage(b, &what, &number, &err), err);
    assert_ok(llmsched_dag_builder_add_stage(b, &tool, &number, &err), err);
    assert_ok(llmsched_dag_builder_add_edge(b, 0, 1, &err), err);
    assert_ok(llmsched_dag_builder_add_candidate(b, 1, "tool", members, 1, &number, &err), err);
    assert_ok(llmsched_dag_builder_add_candidate(b, 1, "none", NULL, 0, &number, &err), err);
    assert_ok(llmsched_dag_builder_freeze(b, &dag, &err), err);
    llmsched_dag_builder_destroy(b);
    return dag;
}

enum { DRAWN_STAGES = 24, DRAWN_RUNS = 30 };

struct drawn_run {
    llmsched_run run;
    llmsched_run_stage stages[DRAWN_STAGES];
    uint32_t parents[DRAWN_STAGES][3];
    double ends[DRAWN_STAGES], reveals[DRAWN_STAGES];
};

/* More names than are counted one by one, equal prompts, no two ends at once but of stages that
 * take no time. */
static void draw_run(struct drawn_run *r, lls_random *random, uint32_t kinds)
{
    static const char *const names[] = {"plan", "tool", "what", "d", "e", "f", "g"};
    r->run = (llmsched_run){.size = sizeof r->run,
                            .stage_count = 1 + lls_random_below(random, DRAWN_STAGES),
                            .stages = r->stages};
    for (uint32_t i = 0; i < r->run.stage_count; i++) {
        uint32_t kind = 1 + lls_random_below(random, kinds), parents = lls_random_below(random, 4);
        bool timeless = kind == LLMSCHED_STAGE_DYNAMIC;
        r->stages[i] = (llmsched_run_stage){
            .size = sizeof r->stages[i],
            .kind = kind,
            .name = names[lls_random_below(random, LLS_COUNT(names))],
            .parents = r->parents[i],
            .parent_count = i > 0 ? parents : 0,
            .tasks = lls_random_below(random, 4),
            .prompt_tokens = kind == LLMSCHED_STAGE_LLM ? lls_random_below(random, 3) : 0,
            .output_tokens = lls_random_below(random, 500),
            .work_s = timeless ? 0 : 0.1 + lls_random_uniform(random)};
        for (uint32_t k = 0; k < r->stages[i].parent_count; k++)
            r->parents[i][k] = lls_random_below(random, i);
    }
}

static void time_run(struct drawn_run *r)
{
    for (uint32_t i = 0; i < r->run.stage_count; i++) {
        const llmsched_run_stage *s = &r->stages[i];
        r->reveals[i] = 0;
        for (uint32_t k = 0; k < s->parent_count; k++)
            r->reveals[i] = fmax(r->reveals[i], r->ends[s->parents[k]]);
        r->ends[i] = r->reveals[i] + s->work_s / (s->tasks > 0 ? s->tasks : 1);
    }
}

/* The stage that ends next; of those at one time the one revealed first, then the first. */
static uint32_t next_end(const struct drawn_run *r, const bool *ended)
{
    uint32_t best = LLS_NONE32;
    for (uint32_t i = 0; i < r->run.stage_count; i++) {
        if (!ended[i] && (best == LLS_NONE32 || r->ends[i] < r->ends[best] ||
                          (r->ends[i] == r->ends[best] && r->reveals[i] < r->reveals[best])))
            best = i;
    }
    return best;
}

static void reveal_ready(llmsched_progress *p, const struct drawn_run *r, const bool *ended,
                         uint32_t *numbers)
{
    for (uint32_t i = 0; i < r->run.stage_count; i++) {
        const llmsched_run_stage *s = &r->stages[i];
        bool ready = numbers[i] == LLS_NONE32;
        for (uint32_t k = 0; k < s->parent_count; k++)
            ready = ready && ended[s->parents[k]];
        if (ready)
            numbers[i] = reveal(p, s->kind, s->name, s->tasks, s->prompt_tokens);
    }
}

/* Returns the run's number of rows. */
static uint32_t compare_rows(const llmsched_profile *profile, struct drawn_run *r,
                             const lls_rows *rows, uint32_t first)
{
    llmsched_progress *p = follow(profile);
    bool ended[DRAWN_STAGES] = {false};
    uint32_t numbers[DRAWN_STAGES];
    double left[LLS_WORK_KINDS] = {0}, features[LLS_FEATURES];
    memset(numbers, 0xff, sizeof numbers);
    time_run(r);
    for (uint32_t i = 0; i < r->run.stage_count; i++)
        if (r->stages[i].kind != LLMSCHED_STAGE_DYNAMIC)
            left[lls_work_kind(r->stages[i].kind)] += r->stages[i].work_s;
    for (uint32_t k = 0; k < r->run.stage_count; k++) {
        uint32_t i = next_end(r, ended);
        reveal_ready(p, r, ended, numbers);
        lls_headway_features(&p->headway, features);
        assert_memory_equal(features, rows->features + (size_t)(first + k) * LLS_FEATURES,
                            sizeof features);
        for (uint32_t kind = 0; kind < LLS_WORK_KINDS; kind++)
            assert_double_equal(rows->targets[kind][first + k], left[kind], 1e-12);
        ended[i] = true;
        end(p, numbers[i], r->stages[i].work_s, r->stages[i].output_tokens);
        if (r->stages[i].kind != LLMSCHED_STAGE_DYNAMIC)
            left[lls_work_kind(r->stages[i].kind)] -= r->stages[i].work_s;
    }
    assert_int_equal(lls_headway_pending(&p->headway), 0);
    llmsched_progress_destroy(p);
    return r->run.stage_count;
}

static void compare_training(uint64_t seed, llmsched_dag *dag)
{
    llmsched_error err = {0};
    llmsched_profiler *profiler = NULL;
    llmsched_profile *profile = NULL;
    static struct drawn_run runs[DRAWN_RUNS];
    lls_random random;
    lls_rows rows = {0};
    uint32_t row = 0;
    lls_random_seed(&random, seed);
    assert_ok(llmsched_profiler_create(context, "drawn", dag, NULL, &profiler, &err), err);
    for (uint32_t i = 0; i < DRAWN_RUNS; i++) {
        draw_run(&runs[i], &random, dag != NULL ? 3 : 2);
        assert_ok(llmsched_profiler_observe(profiler, &runs[i].run, &err), err);
    }
    assert_ok(llmsched_profiler_fit(profiler, &profile, &err), err);
    assert_ok(lls_rows_fill(profiler, profile, &rows, &err), err);
    for (uint32_t i = 0; i < DRAWN_RUNS; i++) {
        assert_int_equal(rows.groups[row], i);
        row += compare_rows(profile, &runs[i], &rows, row);
    }
    assert_int_equal(rows.count, row);
    assert_int_equal(rows.run_count, DRAWN_RUNS);
    lls_rows_free(context, &rows);
    llmsched_profile_release(profile);
    llmsched_profiler_destroy(profiler);
}

static void test_training_saw_what_a_live_job_tells(void **state)
{
    (void)state;
    llmsched_dag *dag = dag_with_a_choice(); /* an induced template has no dynamic stages */
    for (uint64_t seed = 1; seed <= 10; seed++) {
        print_message("seed %llu\n", (unsigned long long)seed);
        compare_training(seed, seed % 2 ? dag : NULL);
    }
    llmsched_dag_release(dag);
}

/* Work and tokens that no machine has must not keep the rest from being learned. */
static void test_absurd_amounts(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_profiler *profiler = NULL;
    llmsched_profile *profile = NULL;
    struct test_run r = {.run = {.size = sizeof r.run, .stages = r.stages}};
    test_run_add(&r, LLMSCHED_STAGE_LLM, "draft", 1, 1e308);
    test_run_add(&r, LLMSCHED_STAGE_LLM, "draft", 1, 1e308);
    r.stages[1].parent_count = 0;
    r.stages[0].output_tokens = r.stages[1].output_tokens = 1e308;
    assert_ok(llmsched_profiler_create(context, "absurd", NULL, NULL, &profiler, &err), err);
    assert_ok(llmsched_profiler_observe(profiler, &r.run, &err), err);
    assert_ok(llmsched_profiler_fit(profiler, &profile, &err), err);
    llmsched_progress *p = follow(profile);
    reveal(p, LLMSCHED_STAGE_LLM, "draft", UINT32_MAX, 1e308);
    reveal(p, LLMSCHED_STAGE_LLM, "draft", UINT32_MAX, 1e308);
    assert_feature(p, PENDING_TASKS, 2.0 * UINT32_MAX);
    assert_feature(p, PROMPTS, 1e100);
    end(p, 0, 1e308, 1e308);
    end(p, 1, 1e308, 1e308);
    assert_feature(p, LLM_S, 1e100);
    assert_feature(p, OUTPUTS, 1e100);
    assert_feature(p, PROMPTS, 0);
    llmsched_progress_destroy(p);
    llmsched_profile_release(profile);
    llmsched_profiler_destroy(profiler);
}

/* --- evidence ----------------------------------------------------------------------------------
 */

static llmsched_stage_evidence evidence_of(const llmsched_progress *p, uint32_t t)
{
    enum { MOST = 64 };
    llmsched_stage_evidence all[MOST];
    assert_true(t < p->profile->stage_count && p->profile->stage_count <= MOST);
    lls_progress_evidence(p, all);
    return all[t];
}

static void test_evidence(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_profile *profile = some_profile();
    llmsched_progress *p = follow(profile);
    reveal(p, LLMSCHED_STAGE_LLM, "draft", 1, 300);
    reveal(p, LLMSCHED_STAGE_LLM, "draft", 1, 300); /* the template has one */
    reveal(p, LLMSCHED_STAGE_REGULAR, "never seen", 1, -1);
    uint32_t t = llmsched_progress_template_stage(p, 0);
    assert_int_equal(
        t, lls_profile_stage_of(profile, lls_profile_class(profile, LLMSCHED_STAGE_LLM, "draft"),
                                LLMSCHED_STAGE_LLM, 0));
    assert_int_equal(llmsched_progress_template_stage(p, 1), LLMSCHED_INDEX_NONE);
    assert_int_equal(llmsched_progress_template_stage(p, 3), LLMSCHED_INDEX_NONE);
    assert_int_equal(llmsched_progress_template_stage(NULL, 0), LLMSCHED_INDEX_NONE);
    llmsched_stage_evidence e = evidence_of(p, t);
    assert_int_equal(e.state, LLMSCHED_EVIDENCE_PRESENT);
    assert_int_equal(e.has_prompt, 1);
    assert_double_equal(e.prompt_tokens, 300, 0);
    assert_int_equal(p->strangers[0], 1);
    assert_int_equal(p->strangers[1], 1);
    assert_ok(llmsched_progress_serve(p, 0, 1.25, &err), err);
    e = evidence_of(p, t);
    assert_double_equal(e.work_s, 1.25, 0);
    assert_ok(llmsched_progress_serve(p, 1, 9, &err), err); /* of a stranger: nothing to note */
    e = evidence_of(p, t);
    assert_double_equal(e.work_s, 1.25, 0);
    end(p, 0, 2, 10);
    end(p, 1, 2, 10);
    end(p, 2, 2, -1);
    e = evidence_of(p, t);
    assert_int_equal(e.state, LLMSCHED_EVIDENCE_FINISHED);
    assert_double_equal(e.work_s, 2, 0);
    assert_int_equal(p->strangers[0] + p->strangers[1], 0);
    llmsched_progress_destroy(p);
    llmsched_profile_release(profile);
}

static void test_evidence_on_an_aggregate(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_profile *profile = NULL;
    llmsched_profiler_options options = {.size = sizeof options, .max_stages = 2};
    assert_ok(test_profile(context, 3, 60, &options, &profile, &err), err);
    llmsched_progress *p = follow(profile);
    uint32_t more = llmsched_dag_find(llmsched_profile_dag(profile), "*more-llm");
    reveal(p, LLMSCHED_STAGE_LLM, "repair", 1, 5);
    reveal(p, LLMSCHED_STAGE_LLM, "repair", 1, 5);
    assert_int_equal(llmsched_progress_template_stage(p, 0), more);
    assert_int_equal(llmsched_progress_template_stage(p, 1), more);
    llmsched_stage_evidence e = evidence_of(p, more);
    assert_int_equal(e.state, LLMSCHED_EVIDENCE_PARTIAL);
    assert_ok(llmsched_progress_serve(p, 0, 3, &err), err);
    e = evidence_of(p, more);
    assert_double_equal(e.work_s, 0, 0);
    end(p, 0, 3, 1);
    e = evidence_of(p, more);
    assert_double_equal(e.work_s, 3, 0);
    end(p, 1, 4, 1);
    e = evidence_of(p, more);
    assert_double_equal(e.work_s, 7, 0);
    assert_int_equal(e.ended, 2);
    assert_int_equal(e.state, LLMSCHED_EVIDENCE_PARTIAL);
    llmsched_progress_destroy(p);
    llmsched_profile_release(profile);
}

static void test_choices(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_profiler *profiler = NULL;
    llmsched_profile *profile = NULL;
    llmsched_dag *dag = dag_with_a_choice();
    static const uint32_t given[] = {0, 1, 2, 3, UINT32_MAX}, known[] = {0, 1, 2, 0, 0};
    struct test_run r = {.run = {.size = sizeof r.run, .stages = r.stages}};
    test_run_add(&r, LLMSCHED_STAGE_LLM, "plan", 1, 10);
    test_run_add(&r, LLMSCHED_STAGE_DYNAMIC, "what", 0, 0);
    r.stages[1].choice = 2;
    assert_ok(llmsched_profiler_create(context, "choosy", dag, NULL, &profiler, &err), err);
    assert_ok(llmsched_profiler_observe(profiler, &r.run, &err), err);
    assert_ok(llmsched_profiler_fit(profiler, &profile, &err), err);
    for (uint32_t i = 0; i < LLS_COUNT(given); i++) {
        llmsched_progress *p = follow(profile);
        llmsched_quantifier *q = NULL;
        llmsched_revealed_stage what = {.size = sizeof what,
                                        .kind = LLMSCHED_STAGE_DYNAMIC,
                                        .name = "what",
                                        .choice = given[i]};
        assert_ok(llmsched_progress_reveal(p, &what, NULL, &err), err);
        end(p, 0, 0, -1);
        assert_int_equal(evidence_of(p, 1).choice, known[i]);
        assert_ok(llmsched_quantifier_create(profile, NULL, &q, &err), err);
        assert_ok(llmsched_quantifier_set_progress(q, p, &err), err);
        llmsched_quantifier_destroy(q);
        llmsched_progress_destroy(p);
    }
    llmsched_profile_release(profile);
    llmsched_profiler_destroy(profiler);
    llmsched_dag_release(dag);
}

/* --- what is refused ---------------------------------------------------------------------------
 */

static void refuse_stage(llmsched_progress *p, llmsched_revealed_stage stage, uint32_t status,
                         const char *words)
{
    llmsched_error err = {0};
    uint32_t number = 77, before = p->headway.count;
    assert_fails((llmsched_status)status, words, llmsched_progress_reveal(p, &stage, &number, &err),
                 err);
    assert_int_equal(number, 77);
    assert_int_equal(p->headway.count, before);
}

static void test_bad_stages_are_refused(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_profile *profile = some_profile();
    llmsched_progress *p = follow(profile);
    const llmsched_revealed_stage good = {
        .size = sizeof good, .kind = LLMSCHED_STAGE_LLM, .name = "draft"};
    llmsched_revealed_stage s = good;
    s.kind = 0;
    refuse_stage(p, s, LLMSCHED_ERROR_INVALID, "kind");
    s.kind = 4;
    refuse_stage(p, s, LLMSCHED_ERROR_INVALID, "kind");
    s = good;
    s.name = NULL;
    refuse_stage(p, s, LLMSCHED_ERROR_INVALID, "name");
    s = good;
    s.has_prompt = 2;
    refuse_stage(p, s, LLMSCHED_ERROR_INVALID, "has_prompt");
    static const double bad[] = {NAN, INFINITY, -1};
    for (uint32_t i = 0; i < LLS_COUNT(bad); i++) {
        s = good;
        s.prompt_tokens = bad[i];
        refuse_stage(p, s, LLMSCHED_ERROR_INVALID, "prompt_tokens");
    }
    s = good;
    s.size = 8;
    refuse_stage(p, s, LLMSCHED_ERROR_VERSION, "llmsched_revealed_stage");
    assert_fails(LLMSCHED_ERROR_INVALID, "NULL", llmsched_progress_reveal(NULL, &good, NULL, &err),
                 err);
    assert_fails(LLMSCHED_ERROR_INVALID, "NULL", llmsched_progress_reveal(p, NULL, NULL, &err),
                 err);
    llmsched_progress_destroy(p);
    assert_fails(LLMSCHED_ERROR_INVALID, "NULL", llmsched_progress_create(NULL, &p, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "NULL", llmsched_progress_create(profile, NULL, &err),
                 err);
    llmsched_progress_destroy(NULL);
    llmsched_profile_release(profile);
}

static void test_bad_ends_are_refused(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_profile *profile = some_profile();
    llmsched_progress *p = follow(profile);
    double before[LLS_FEATURES], after[LLS_FEATURES];
    static const double bad[] = {NAN, INFINITY, -INFINITY, -1};
    reveal(p, LLMSCHED_STAGE_LLM, "draft", 1, 5);
    lls_headway_features(&p->headway, before);
    for (uint32_t i = 0; i < LLS_COUNT(bad); i++) {
        assert_fails(LLMSCHED_ERROR_INVALID, "seconds", llmsched_progress_serve(p, 0, bad[i], &err),
                     err);
        assert_fails(LLMSCHED_ERROR_INVALID, "seconds",
                     llmsched_progress_end(p, 0, bad[i], 1, &err), err);
        if (i < 3)
            assert_fails(LLMSCHED_ERROR_INVALID, "output_tokens",
                         llmsched_progress_end(p, 0, 1, bad[i], &err), err);
    }
    assert_fails(LLMSCHED_ERROR_NOT_FOUND, "stage 1", llmsched_progress_serve(p, 1, 1, &err), err);
    assert_fails(LLMSCHED_ERROR_NOT_FOUND, "stage 1", llmsched_progress_end(p, 1, 1, 1, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "NULL", llmsched_progress_serve(NULL, 0, 1, &err), err);
    assert_fails(LLMSCHED_ERROR_INVALID, "NULL", llmsched_progress_end(NULL, 0, 1, 1, &err), err);
    lls_headway_features(&p->headway, after);
    assert_memory_equal(before, after, sizeof before);
    assert_double_equal(evidence_of(p, llmsched_progress_template_stage(p, 0)).work_s, 0, 0);
    end(p, 0, 1, 1);
    assert_fails(LLMSCHED_ERROR_NOT_FOUND, "stage 0", llmsched_progress_end(p, 0, 1, 1, &err), err);
    assert_fails(LLMSCHED_ERROR_NOT_FOUND, "stage 0", llmsched_progress_serve(p, 0, 1, &err), err);
    llmsched_progress_destroy(p);
    llmsched_profile_release(profile);
}

static void test_a_job_has_so_many_stages(void **state)
{
    (void)state;
    llmsched_error err = {0};
    llmsched_context_options options = {.size = sizeof options, .max_stages = 8};
    llmsched_context *small = NULL;
    llmsched_profile *profile = NULL;
    llmsched_revealed_stage s = {.size = sizeof s, .kind = LLMSCHED_STAGE_LLM, .name = "draft"};
    assert_ok(llmsched_context_create(&options, &small, &err), err);
    assert_ok(test_profile(small, 3, 20, NULL, &profile, &err), err);
    llmsched_progress *p = follow(profile);
    for (uint32_t i = 0; i < 8; i++)
        reveal(p, LLMSCHED_STAGE_LLM, "draft", 1, 1);
    refuse_stage(p, s, LLMSCHED_ERROR_LIMIT, "8 stages");
    llmsched_progress_destroy(p);
    llmsched_profile_release(profile);
    llmsched_context_destroy(small);
}

/* --- failing allocations ------------------------------------------------------------------------
 */

/* A refused stage leaves nothing behind, and is taken when it is told again. */
static llmsched_status scenario(llmsched_context *c, llmsched_error *err)
{
    llmsched_profile *profile = NULL;
    llmsched_progress *p = NULL;
    llmsched_revealed_stage s = {.size = sizeof s, .kind = LLMSCHED_STAGE_LLM, .name = "draft"};
    llmsched_status status = test_profile(c, 4, 20, NULL, &profile, err);
    if (status == LLMSCHED_OK)
        status = llmsched_progress_create(profile, &p, err);
    for (uint32_t i = 0; i < 40 && status == LLMSCHED_OK; i++) {
        status = llmsched_progress_reveal(p, &s, NULL, err);
        if (status != LLMSCHED_OK) {
            assert_int_equal(p->headway.count, i);
            assert_int_equal(lls_headway_pending(&p->headway), i);
            assert_ok(llmsched_progress_reveal(p, &s, NULL, err), *err);
        }
    }
    llmsched_progress_destroy(p);
    llmsched_profile_release(profile);
    return status;
}

static void test_every_failing_allocation(void **state)
{
    (void)state;
    assert_true(fail_each_allocation(scenario) > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_and_sums),
        cmocka_unit_test(test_outputs_that_nobody_told),
        cmocka_unit_test(test_the_greatest_prompt),
        cmocka_unit_test(test_counts_by_class),
        cmocka_unit_test(test_against_a_twin),
        cmocka_unit_test(test_a_long_job),
        cmocka_unit_test(test_training_saw_what_a_live_job_tells),
        cmocka_unit_test(test_absurd_amounts),
        cmocka_unit_test(test_evidence),
        cmocka_unit_test(test_evidence_on_an_aggregate),
        cmocka_unit_test(test_choices),
        cmocka_unit_test(test_bad_stages_are_refused),
        cmocka_unit_test(test_bad_ends_are_refused),
        cmocka_unit_test(test_a_job_has_so_many_stages),
        cmocka_unit_test(test_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
