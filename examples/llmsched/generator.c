/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Models of applications, calibrated to the published statistics of the recorded runs: median and
 * 95th percentile of tokens per request and of parallel requests per stage, loop survival
 * P(iterations >= k + 1 | iterations >= k), and the rank correlation of the lengths inside a job. A
 * quantity is lognormal through its two percentiles.
 */
#include "generator.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Median and 95th percentile. */
struct spread {
    double p50, p95;
};

enum phase { ONCE_BEFORE, EACH_ROUND, ONCE_AFTER };

/*
 * One step: copies of a stage side by side, which wait for all copies of the
 * step before. chained: share of the copies that wait for the copy before them instead.
 */
struct step {
    enum phase phase;
    uint32_t kind;
    const char *name;
    struct spread copies, tasks;  /* 0: 1 */
    struct spread prompt, output; /* LLM stages: tokens of a request */
    double share;                 /* of the rounds that have it; 0: all */
    double chained;
};

struct maker {
    const char *name;
    double first_round;   /* least number of rounds */
    double survival[9];   /* of round first_round + k + 1; ends at the first 0 */
    double most_rounds;   /* up to here the last survival goes on; 0: it does not */
    double likeness;      /* rank correlation of the output lengths of a job's stages */
    struct spread tool_s; /* {0}: the model's lognormal, median 0.6 s and sigma 0.8 */
    struct step steps[9]; /* ends at the first without a name */
};

static const double MOST_TOOL_S = 120.0, USUAL_MOST_TOOL_S = 30.0;
static const double USUAL_TOOL_MEDIAN_S = 0.6, USUAL_TOOL_SIGMA = 0.8;
static const double NORMAL_P95 = 1.6448536269514722;
enum { MOST_COPIES = 40, MOST_REQUESTS = 64 };

#define LLM LLMSCHED_STAGE_LLM
#define TOOL LLMSCHED_STAGE_REGULAR

static const struct maker MAKERS[] = {
    /* 1,414 runs; stages 2 / 8 / 10 (5th, 50th, 95th percentile) */
    {.name = "code_generation__mint/code_generation",
     .first_round = 1,
     .survival = {0.92, 0.70, 0.81, 0.70},
     .likeness = 0.35,
     .steps = {{EACH_ROUND, LLM, "act", .prompt = {1220, 2326}, .output = {169, 426}},
               {.phase = EACH_ROUND, .kind = TOOL, .name = "python"}}},
    /* 1,554 runs; stages 3 / 3 / 30 */
    {.name = "code_generation__reflexion/code_generation",
     .survival = {0.38, 0.82, 0.94, 0.97, 0.23, 0.98, 0.98, 0.99},
     .likeness = 0.58,
     .steps = {{ONCE_BEFORE, LLM, "test_gen", .prompt = {198, 348}, .output = {128, 260}},
               {ONCE_BEFORE, LLM, "generate", .prompt = {559, 1088}, .output = {88, 429}},
               {.phase = ONCE_BEFORE, .kind = TOOL, .name = "run_tests"},
               {EACH_ROUND, LLM, "reflect", .prompt = {1125, 1463}, .output = {89, 168}},
               {EACH_ROUND, LLM, "generate", .prompt = {559, 1088}, .output = {88, 429}},
               {.phase = EACH_ROUND, .kind = TOOL, .name = "run_tests"}}},
    /* 1,135 runs; stages 9 / 13 / 65; tools measured */
    {.name = "code_repair__acr/code_repair",
     .first_round = 1,
     .survival = {0.57, 0.47, 0.81, 0.81, 0.93, 0.91, 0.94, 0.94, 0.94},
     .likeness = 0.34,
     .tool_s = {1.0, 90},
     .steps = {{.phase = ONCE_BEFORE, .kind = TOOL, .name = "setup"},
               {ONCE_BEFORE, LLM, "plan_search", .prompt = {613, 1732}, .output = {267, 425}},
               {ONCE_BEFORE, LLM, "extract_json", .prompt = {555, 819}, .output = {38, 118}},
               {.phase = EACH_ROUND, .kind = TOOL, .name = "search_code"},
               {EACH_ROUND, LLM, "analyze_results", .prompt = {2440, 8495}, .output = {566, 701},
                .share = 0.6},
               {EACH_ROUND, LLM, "answer_context", .prompt = {3768, 10681}, .output = {201, 480}},
               {EACH_ROUND, LLM, "extract_json", .prompt = {555, 819}, .output = {38, 118}},
               {ONCE_AFTER, LLM, "write_patch", .prompt = {5588, 13977}, .output = {458, 731}},
               {ONCE_AFTER, LLM, "extract_json", .prompt = {555, 819}, .output = {38, 118}}}},
    /* 504 runs; stages 2 / 8 / 10 */
    {.name = "web_search__mint_hotpotqa/web_search",
     .first_round = 1,
     .survival = {0.93, 0.84, 0.71, 0.77},
     .likeness = 0.15,
     .steps = {{EACH_ROUND, LLM, "act", .prompt = {1383, 2306}, .output = {78, 264}},
               {.phase = EACH_ROUND, .kind = TOOL, .name = "wikipedia_search"}}},
    /* 1,339 runs; stages 8 / 19 / 34; 0.65 tools to a request */
    {.name = "tool_agent__bfcl_vllm/tool_agent",
     .first_round = 4,
     .survival = {0.99, 0.97, 0.96, 0.94, 0.93, 0.91, 0.88, 0.85, 0.82},
     .most_rounds = 60,
     .likeness = 0.03,
     .steps = {{EACH_ROUND, LLM, "act", .prompt = {3029, 3986}, .output = {106, 424}},
               {EACH_ROUND, TOOL, "call", .share = 0.65}}},
    /* 628 runs; stages 10 / 20 / 34 */
    {.name = "swe_agent__sweagent/swe_agent",
     .first_round = 4,
     .survival = {0.98, 0.96, 0.94, 0.92, 0.87, 0.84, 0.81, 0.78, 0.75},
     .most_rounds = 23,
     .likeness = 0.34,
     .steps = {{EACH_ROUND, LLM, "act", .prompt = {5497, 13110}, .output = {144, 441}},
               {.phase = EACH_ROUND, .kind = TOOL, .name = "edit"}}},
    /* 2,251 runs; stages 3 / 4 / 5 */
    {.name = "parallel_functions__bfcl/parallel_functions",
     .steps = {{ONCE_BEFORE, LLM, "plan", .prompt = {256, 742}, .output = {85, 160}},
               {ONCE_BEFORE, TOOL, "call", .copies = {2.8, 4.3}}}},
    /* 1,453 runs; stages 3 / 5 / 7 */
    {.name = "task_automation__taskbench/task_automation",
     .steps = {{ONCE_BEFORE, LLM, "plan", .prompt = {2801, 3052}, .output = {206, 380}},
               {ONCE_BEFORE, TOOL, "tool", .copies = {3.8, 6.2}, .chained = 0.6}}},
    /* 1,402 runs; stages 2 / 5 / 7 */
    {.name = "question_tree__fot_probtree/question_tree",
     .likeness = 0.3,
     .steps = {{ONCE_BEFORE, LLM, "decompose", .prompt = {1258, 2192}, .output = {3, 6}},
               {ONCE_BEFORE, LLM, "answer_leaf", .copies = {2.3, 4.4}, .tasks = {2, 2},
                .prompt = {1611, 1762}, .output = {87, 160}, .chained = 0.3},
               {ONCE_BEFORE, LLM, "answer_root", .tasks = {2, 2}, .prompt = {1666, 1768},
                .output = {82, 164}},
               {ONCE_BEFORE, LLM, "aggregate", .prompt = {1453, 1585}, .output = {3, 6}}}},
    /* 471 runs; stages 17 / 25 / 56; tools measured */
    {.name = "research_agent__kgot_gaia/research_agent",
     .first_round = 1,
     .survival = {0.97, 0.48, 0.78, 0.79, 0.78, 0.90},
     .likeness = 0.05,
     .tool_s = {0.5, 58},
     .steps = {{EACH_ROUND, LLM, "define_next_step", .prompt = {7505, 18625}, .output = {211, 489}},
               {EACH_ROUND, LLM, "merge_reasons_to_insert", .prompt = {409, 663},
                .output = {27, 103}},
               {EACH_ROUND, LLM, "define_tool_calls", .prompt = {2956, 4933}, .output = {66, 195}},
               {EACH_ROUND, TOOL, "llm_query", .copies = {1.2, 2.6}},
               {EACH_ROUND, LLM, "define_cypher_query_given_new_information", .copies = {1.2, 2.6},
                .prompt = {1395, 8448}, .output = {83, 2234}},
               {ONCE_AFTER, LLM, "define_need_for_math_before_parsing", .copies = {4.5, 8},
                .prompt = {940, 1167}, .output = {11, 14}},
               {ONCE_AFTER, LLM, "parse_solution_with_llm", .copies = {4.5, 8},
                .prompt = {2409, 3192}, .output = {42, 117}}}},
    /* 972 runs; stages 5 / 17 / 19, about half of them with all of the steps; 100 / 165 requests */
    {.name = "sequence_sorting__fot/sequence_sorting",
     .likeness = 0.6,
     .steps = {{ONCE_BEFORE, LLM, "split", .prompt = {1581, 1593}, .output = {541, 576}},
               {ONCE_BEFORE, LLM, "sort", .copies = {8, 8}, .tasks = {3, 7}, .prompt = {776, 782},
                .output = {48, 51}},
               {ONCE_BEFORE, LLM, "merge", .copies = {4, 4}, .tasks = {9, 18}, .prompt = {262, 540},
                .output = {98, 200}},
               {ONCE_BEFORE, LLM, "merge", .copies = {2, 2}, .tasks = {9, 18}, .prompt = {262, 540},
                .output = {180, 379}},
               {ONCE_BEFORE, LLM, "merge", .tasks = {9, 18}, .prompt = {500, 540},
                .output = {340, 379}},
               {ONCE_BEFORE, LLM, "improve", .tasks = {9, 18}, .prompt = {2070, 2118},
                .output = {389, 440}}}},
    /* 555 runs; stages 6; 24 / 38 requests */
    {.name = "document_merging__fot/document_merging",
     .likeness = 0.6,
     .steps = {{ONCE_BEFORE, LLM, "merge", .tasks = {3, 4}, .prompt = {1528, 2025},
                .output = {656, 1062}},
               {ONCE_BEFORE, LLM, "score", .tasks = {4, 10}, .prompt = {2421, 3138},
                .output = {100, 100}},
               {ONCE_BEFORE, LLM, "aggregate", .tasks = {4, 5}, .prompt = {2957, 4393},
                .output = {656, 1062}},
               {ONCE_BEFORE, LLM, "score", .tasks = {4, 10}, .prompt = {2421, 3138},
                .output = {100, 100}},
               {ONCE_BEFORE, LLM, "improve", .tasks = {5, 10}, .prompt = {2222, 2939},
                .output = {656, 1062}},
               {ONCE_BEFORE, LLM, "score", .tasks = {4, 10}, .prompt = {2421, 3138},
                .output = {100, 100}}}},
    /* 74 runs; stages 8; 78 / 117 requests */
    {.name = "tree_of_thoughts__tot/tot_game24",
     .first_round = 4,
     .likeness = 0.4,
     .steps = {{EACH_ROUND, LLM, "propose", .tasks = {5, 5}, .prompt = {79, 232},
                .output = {20, 67}},
               {EACH_ROUND, LLM, "value", .tasks = {14, 30}, .prompt = {139, 234},
                .output = {56, 133}}}},
};

size_t maker_count(void)
{
    return COUNT_OF(MAKERS);
}

const struct maker *maker_at(size_t index)
{
    return &MAKERS[index];
}

const char *maker_name(const struct maker *maker)
{
    return maker->name;
}

/* The quantity at a standard normal z. */
static double at(const struct spread *spread, double z)
{
    double sigma = log(spread->p95 / spread->p50) / NORMAL_P95;
    return spread->p50 * exp(sigma * z);
}

static uint32_t number(const struct spread *spread, uint32_t most, struct random *random)
{
    if (spread->p50 == 0.0)
        return 1;
    double drawn = floor(at(spread, random_normal(random)) + 0.5);
    return drawn < 1.0 ? 1 : drawn > most ? most : (uint32_t)drawn;
}

static double tool_duration(const struct maker *maker, struct random *random)
{
    double z = random_normal(random);
    if (maker->tool_s.p50 == 0.0)
        return fmin(USUAL_TOOL_MEDIAN_S * exp(USUAL_TOOL_SIGMA * z), USUAL_MOST_TOOL_S);
    return fmin(at(&maker->tool_s, z), MOST_TOOL_S);
}

static void make_ids(struct generator *generator, size_t count)
{
    grow((void **)&generator->ids, &generator->id_capacity, count, sizeof *generator->ids);
    for (; generator->id_count < count; generator->id_count++)
        snprintf(generator->ids[generator->id_count], sizeof *generator->ids, "s%u",
                 (unsigned)generator->id_count);
}

/* What is under way in a job. */
struct making {
    struct generator *generator;
    const struct maker *maker;
    struct random *random;
    double job_z;           /* what a job's lengths have in common */
    uint32_t before, width; /* first stage and number of copies of the step before */
};

static void add_parents(struct making *m, const struct step *step, uint32_t copy, uint32_t first)
{
    struct generator *g = m->generator;
    struct stage *stage = &g->body.stages[g->body.stage_count];
    bool chained = copy > 0 && random_uniform(m->random) < step->chained;
    uint32_t from = chained ? first + copy - 1 : m->before, count = chained ? 1 : m->width;
    g->first_parent[g->body.stage_count] = g->parent_count;
    grow((void **)&g->parents, &g->parent_capacity, g->parent_count + count, sizeof *g->parents);
    for (uint32_t p = 0; p < count; p++)
        g->parents[g->parent_count++] = from + p;
    stage->parent_count = count;
}

static void add_stage(struct making *m, const struct step *step, uint32_t copy, uint32_t first)
{
    struct generator *g = m->generator;
    size_t n = g->body.stage_count;
    grow((void **)&g->body.stages, &g->stage_capacity, n + 1, sizeof *g->body.stages);
    grow((void **)&g->first_parent, &g->first_capacity, n + 1, sizeof *g->first_parent);
    struct stage *stage = &g->body.stages[n];
    *stage = (struct stage){.name = step->name, .kind = step->kind, .tasks = 1};
    add_parents(m, step, copy, first);
    if (step->kind == TOOL) {
        stage->duration_s = tool_duration(m->maker, m->random);
    } else {
        double shared = sqrt(m->maker->likeness);
        double z = shared * m->job_z + sqrt(1.0 - m->maker->likeness) * random_normal(m->random);
        stage->tasks = number(&step->tasks, MOST_REQUESTS, m->random);
        stage->prompt_tokens =
            floor(at(&step->prompt, random_normal(m->random)) * stage->tasks + 0.5);
        stage->output_tokens = floor(at(&step->output, z) * stage->tasks + 0.5);
    }
    g->body.stage_count++;
}

static void add_phase(struct making *m, enum phase phase)
{
    for (const struct step *s = m->maker->steps;
         s < m->maker->steps + COUNT_OF(m->maker->steps) && s->name != NULL; s++) {
        if (s->phase != phase || (s->share > 0.0 && random_uniform(m->random) >= s->share))
            continue;
        uint32_t first = m->generator->body.stage_count;
        uint32_t copies = number(&s->copies, MOST_COPIES, m->random);
        for (uint32_t copy = 0; copy < copies; copy++)
            add_stage(m, s, copy, first);
        m->before = first;
        m->width = copies;
    }
}

static double draw_rounds(const struct maker *maker, struct random *random)
{
    const size_t last = COUNT_OF(maker->survival) - 1;
    double rounds = maker->first_round;
    for (size_t k = 0; k <= last || rounds < maker->most_rounds; k++, rounds++)
        if (random_uniform(random) >= maker->survival[k < last ? k : last])
            break;
    return rounds;
}

const struct body *generator_make(struct generator *generator, const struct maker *maker,
                                  struct random *random)
{
    struct making making = {.generator = generator, .maker = maker, .random = random};
    generator->body.stage_count = 0;
    generator->parent_count = 0;
    making.job_z = random_normal(random);
    add_phase(&making, ONCE_BEFORE);
    for (double left = draw_rounds(maker, random); left >= 1.0; left--)
        add_phase(&making, EACH_ROUND);
    add_phase(&making, ONCE_AFTER);
    /* Only now does nothing move any more. */
    make_ids(generator, generator->body.stage_count);
    for (uint32_t s = 0; s < generator->body.stage_count; s++) {
        generator->body.stages[s].id = generator->ids[s];
        generator->body.stages[s].parents = generator->parents + generator->first_parent[s];
    }
    return &generator->body;
}

void generator_release(struct generator *generator)
{
    free(generator->body.stages);
    free(generator->parents);
    free(generator->first_parent);
    free(generator->ids);
    *generator = (struct generator){0};
}
