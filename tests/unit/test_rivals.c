/* SPDX-License-Identifier: Apache-2.0 */
/* The rivals: start plans, replica splits beside an enumeration, meshes beside a slow twin. */
#include "context.h"

#include "place/internal.h"
#include "place/rivals/muxserve.h"
#include "place/rivals/splits.h"

static llmsched_planner *begin(void)
{
    llmsched_planner *planner = NULL;
    llmsched_error err = {0};
    assert_ok(llmsched_planner_create(context, &planner, &err), err);
    return planner;
}

static void add_domain(llmsched_planner *planner, const char *domain, const char *kind, uint32_t n,
                       double memory)
{
    llmsched_error err = {0};
    for (uint32_t i = 0; i < n; i++) {
        char id[40];
        snprintf(id, sizeof id, "%s.%u", domain, (unsigned)i);
        llmsched_gpu gpu = {
            .size = sizeof gpu, .id = id, .kind = kind, .domain = domain, .memory_bytes = memory};
        assert_ok(llmsched_planner_add_gpu(planner, &gpu, NULL, &err), err);
    }
}

static void add_model(llmsched_planner *planner, uint32_t number, double weight)
{
    char name[20];
    llmsched_error err = {0};
    snprintf(name, sizeof name, "m%u", (unsigned)number);
    llmsched_model model = {.size = sizeof model, .name = name, .weight_bytes = weight};
    assert_ok(llmsched_planner_add_model(planner, &model, NULL, &err), err);
}

/* seconds: per output token, alone; a tenth of that more for each other request, and per prompt. */
static void add_config(llmsched_planner *planner, uint32_t model, const char *kind, uint32_t tp,
                       double share, double seconds)
{
    llmsched_error err = {0};
    llmsched_model_config config = {.size = sizeof config,
                                    .tp = tp,
                                    .gpu = kind,
                                    .share = share,
                                    .max_batch = 4,
                                    .prefill_base_s = seconds,
                                    .decode_base_s = 0.9 * seconds,
                                    .decode_per_request_s = 0.1 * seconds};
    assert_ok(llmsched_planner_add_config(planner, model, &config, NULL, &err), err);
}

/* An application of one call to the model. */
static void add_app(llmsched_planner *planner, uint32_t model, double rate, double weight)
{
    char name[20], called[20];
    llmsched_error err = {0};
    uint32_t index = 0;
    snprintf(name, sizeof name, "a%u", (unsigned)model);
    snprintf(called, sizeof called, "m%u", (unsigned)model);
    llmsched_app app = {.size = sizeof app,
                        .flags = LLMSCHED_APP_HAS_WEIGHT,
                        .name = name,
                        .rate_per_s = rate,
                        .weight = weight};
    llmsched_app_call call = {
        .size = sizeof call, .model = called, .calls = 1, .prompt_tokens = 10, .output_tokens = 10};
    assert_ok(llmsched_planner_add_app(planner, &app, &index, &err), err);
    assert_ok(llmsched_planner_add_app_call(planner, index, &call, &err), err);
}

static llmsched_plan *plan_by(const llmsched_planner *planner, const char *method)
{
    llmsched_plan *plan = NULL;
    llmsched_error err = {0};
    llmsched_planner_options options = {.size = sizeof options, .planner = method};
    assert_ok(llmsched_planner_plan(planner, &options, &plan, &err), err);
    return plan;
}

/* --- start plans --------------------------------------------------------------------- */

static const char *const autoscaled[] = {"k8s", "kserve"};

static void check_gpus(const llmsched_plan *plan, uint32_t replica, uint32_t first, uint32_t count)
{
    assert_int_equal(plan->replicas[replica].gpu_count, count);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(plan->replicas[replica].gpus[i], first + i);
}

/* m0 fits one GPU; m1 two, of the second kind only; m2 is not called; shares are not looked at. */
static void test_least_whole_gpus(void **state)
{
    (void)state;
    llmsched_planner *planner = begin();
    add_domain(planner, "x", "small", 3, 40e9);
    add_domain(planner, "y", "large", 5, 80e9);
    add_model(planner, 0, 30e9);
    add_config(planner, 0, "large", 2, 1, 0.01);
    add_config(planner, 0, "large", 1, 0.5, 0.02);
    add_config(planner, 0, "large", 1, 1, 0.02);
    add_model(planner, 1, 140e9);
    add_config(planner, 1, "large", 1, 1, 0.05);
    add_config(planner, 1, "large", 4, 1, 0.02);
    add_config(planner, 1, "small", 2, 1, 0.05);
    add_config(planner, 1, "large", 2, 1, 0.03);
    add_model(planner, 2, 1e9);
    add_config(planner, 2, "small", 1, 1, 0.01);
    add_app(planner, 0, 1, 1);
    add_app(planner, 1, 1, 1);
    add_app(planner, 2, 0, 1);
    for (uint32_t i = 0; i < LLS_COUNT(autoscaled); i++) {
        llmsched_plan *plan = plan_by(planner, autoscaled[i]);
        assert_int_equal(plan->info.status, LLMSCHED_PLAN_FEASIBLE);
        assert_string_equal(plan->info.planner, autoscaled[i]);
        assert_int_equal(plan->info.model_count, 2);
        assert_int_equal(plan->info.replica_count, 2);
        assert_int_equal(plan->models[0].config, 2);
        assert_int_equal(plan->models[1].config, 3);
        /* The wide one came first and has the first two of its kind. */
        check_gpus(plan, 0, 5, 1);
        check_gpus(plan, 1, 3, 2);
        assert_int_equal(plan->autoscaler.kind,
                         i == 0 ? LLMSCHED_AUTOSCALER_HPA : LLMSCHED_AUTOSCALER_KPA);
        assert_double_equal(plan->autoscaler.start_s, 30, 0);
        assert_double_equal(plan->autoscaler.target, 0.7, 0);
        llmsched_plan_release(plan);
    }
    llmsched_planner_destroy(planner);
}

/* Pairs start at even positions: the third GPU of a domain of three has no partner. */
static void test_alignment(void **state)
{
    (void)state;
    llmsched_planner *planner = begin();
    add_domain(planner, "x", "k", 3, 80e9);
    add_domain(planner, "y", "k", 3, 80e9);
    for (uint32_t m = 0; m < 4; m++) {
        add_model(planner, m, m % 2 ? 100e9 : 10e9);
        add_config(planner, m, "k", m % 2 ? 2 : 1, 1, 0.01);
        add_app(planner, m, 1, 1);
    }
    llmsched_plan *plan = plan_by(planner, "k8s");
    check_gpus(plan, 0, 2, 1);
    check_gpus(plan, 1, 0, 2);
    check_gpus(plan, 2, 5, 1);
    check_gpus(plan, 3, 3, 2);
    llmsched_plan_release(plan);
    add_model(planner, 4, 100e9);
    add_config(planner, 4, "k", 2, 1, 0.01);
    add_app(planner, 4, 1, 1);
    plan = plan_by(planner, "k8s");
    assert_int_equal(plan->info.status, LLMSCHED_PLAN_INFEASIBLE);
    assert_string_equal(llmsched_plan_reason(plan),
                        "5 models want 8 whole GPUs, and the cluster has 6");
    assert_string_equal(llmsched_plan_lift(plan), "2 more GPUs");
    assert_int_equal(plan->info.binding, LLMSCHED_BINDING_SHARE);
    assert_int_equal(plan->autoscaler.kind, LLMSCHED_AUTOSCALER_NONE);
    llmsched_plan_release(plan);
    llmsched_planner_destroy(planner);
}

static void test_no_room(void **state)
{
    (void)state;
    static const char *const all[] = {"k8s", "kserve", "best-manual"};
    llmsched_planner *planner = begin();
    add_domain(planner, "x", "k", 3, 80e9);
    for (uint32_t m = 0; m < 2; m++) {
        add_model(planner, m, 100e9);
        add_config(planner, m, "k", 2, 1, 0.01);
        add_app(planner, m, 1, 1);
    }
    for (uint32_t i = 0; i < LLS_COUNT(all); i++) {
        llmsched_plan *plan = plan_by(planner, all[i]);
        assert_int_equal(plan->info.status, LLMSCHED_PLAN_INFEASIBLE);
        assert_int_equal(plan->info.replica_count, 0);
        assert_true(*llmsched_plan_reason(plan) != '\0' && *llmsched_plan_lift(plan) != '\0');
        llmsched_plan_release(plan);
    }
    add_model(planner, 2, 1e9); /* only in parts */
    add_config(planner, 2, "k", 1, 0.5, 0.01);
    add_app(planner, 2, 1, 1);
    for (uint32_t i = 0; i < LLS_COUNT(all); i++) {
        llmsched_plan *plan = plan_by(planner, all[i]);
        assert_int_equal(plan->info.status, LLMSCHED_PLAN_INFEASIBLE);
        assert_int_equal(plan->info.binding, LLMSCHED_BINDING_MEMORY);
        assert_string_equal(llmsched_plan_reason(plan),
                            "no configuration of model m2 fits whole GPUs");
        assert_true(*llmsched_plan_lift(plan) != '\0');
        llmsched_plan_release(plan);
    }
    llmsched_planner_destroy(planner);
}

static void test_options(void **state)
{
    (void)state;
    static const char *const bad[] = {"k8s:target=0",
                                      "k8s:target=1.1",
                                      "k8s:target=nan",
                                      "kserve:target=",
                                      "kserve:start=-1",
                                      "kserve:start=inf",
                                      "k8s:start=1x",
                                      "k8s:start",
                                      "k8s:pace=1",
                                      "k8s:,",
                                      "best-manual:a=1",
                                      "muxserve:target=0.5",
                                      "k8s:target=0.5,x=2",
                                      "k8s:target=1e999",
                                      "kserve:start=1e6",
                                      "k8s:=1",
                                      "k8s:target=0.50000000000000000000000000000000000"};
    llmsched_planner *planner = begin();
    llmsched_error err = {0};
    add_domain(planner, "x", "k", 2, 80e9);
    add_model(planner, 0, 10e9);
    add_app(planner, 0, 1, 1); /* no configuration: options are looked at first */
    for (uint32_t i = 0; i < LLS_COUNT(bad); i++) {
        llmsched_plan *plan = NULL;
        llmsched_planner_options options = {.size = sizeof options, .planner = bad[i]};
        assert_fails(LLMSCHED_ERROR_INVALID, "planner ",
                     llmsched_planner_plan(planner, &options, &plan, &err), err);
        assert_null(plan);
    }
    add_config(planner, 0, "k", 1, 1, 0.01);
    llmsched_plan *plan = plan_by(planner, "kserve:start=0,target=0.25");
    assert_double_equal(plan->autoscaler.start_s, 0, 0);
    assert_double_equal(plan->autoscaler.target, 0.25, 0);
    llmsched_plan_release(plan);
    llmsched_planner_destroy(planner);
}

/* --- best-manual beside all replica splits ------------------------------------------------ */

enum { MOST_MODELS = 3, CASES = 150 };

typedef struct manual {
    llmsched_planner *planner;
    uint32_t sizes[2]; /* of the domains */
    uint32_t models, configs[MOST_MODELS], tps[MOST_MODELS];
    double weights[MOST_MODELS];
} manual;

static void draw_manual(manual *c, uint64_t seed)
{
    lls_random random;
    lls_random_seed(&random, seed);
    *c = (manual){.planner = begin(), .models = 1 + lls_random_below(&random, MOST_MODELS)};
    for (uint32_t d = 0; d < 2; d++) {
        c->sizes[d] = 1 + lls_random_below(&random, 5);
        add_domain(c->planner, d == 0 ? "x" : "y", "k", c->sizes[d], 80e9);
    }
    for (uint32_t m = 0; m < c->models; m++) {
        uint32_t log_tp = lls_random_below(&random, 5) / 2;
        double seconds = 0.01 + 0.1 * lls_random_uniform(&random);
        add_model(c->planner, m, 70e9 * (1u << log_tp));
        for (uint32_t k = 3; k-- > 0;)
            add_config(c->planner, m, "k", 1u << k, 1, seconds / (k + 1));
        add_config(c->planner, m, "k", 4, 0.5, 0.001);
        c->tps[m] = 1u << log_tp;
        c->configs[m] = 2 - log_tp;
        c->weights[m] = 0.1 + lls_random_uniform(&random);
        add_app(c->planner, m, (0.2 + 2 * lls_random_uniform(&random)) / seconds / 10,
                c->weights[m]);
    }
}

/* Powers of two pack if there is room for each width and all wider ones. */
static bool packs(const manual *c, const uint32_t *replicas)
{
    for (uint32_t tp = 1; tp <= 4; tp *= 2) {
        uint32_t room = c->sizes[0] / tp + c->sizes[1] / tp, taken = 0;
        for (uint32_t m = 0; m < c->models; m++)
            taken += c->tps[m] >= tp ? replicas[m] * c->tps[m] / tp : 0;
        if (taken > room)
            return false;
    }
    return true;
}

static double manual_latency(const manual *c, const lls_demands *demands, uint32_t m, uint32_t r)
{
    lls_service service;
    double seconds = INFINITY;
    const lls_demand *demand = &demands->models[m];
    assert_true(
        lls_service_init(&service, context, &c->planner->models[m].configs[c->configs[m]], demand));
    if (demand->load / r <= 0.9 * service.saturation)
        assert_true(lls_call_latency(&service, r, &seconds));
    lls_service_finish(&service);
    return seconds;
}

static double best_split(const manual *c, const lls_demands *demands, uint32_t m,
                         uint32_t *replicas, double sum)
{
    if (m == MOST_MODELS || m >= c->models)
        return packs(c, replicas) ? sum : INFINITY;
    double best = INFINITY;
    for (uint32_t r = 1; r <= c->sizes[0] + c->sizes[1]; r++) {
        replicas[m] = r;
        double latency = manual_latency(c, demands, m, r);
        if (isfinite(latency))
            best =
                fmin(best, best_split(c, demands, m + 1, replicas, sum + c->weights[m] * latency));
    }
    return best;
}

static void test_best_manual_is_the_best_split(void **state)
{
    (void)state;
    uint32_t feasible = 0;
    for (uint64_t seed = 0; seed < CASES; seed++) {
        manual c;
        lls_demands demands;
        llmsched_error err = {0};
        uint32_t replicas[MOST_MODELS];
        draw_manual(&c, seed);
        assert_ok(lls_demands_init(&demands, c.planner, 1.0, &err), err);
        double best = best_split(&c, &demands, 0, replicas, 0.0);
        llmsched_plan *plan = plan_by(c.planner, "best-manual");
        bool is_there = plan->info.status == LLMSCHED_PLAN_OPTIMAL;
        if (is_there != (isfinite(best) != 0) ||
            (is_there && !(fabs(plan->info.objective_s - best) <= 1e-8 * best)))
            fail_msg("seed %u: %.12g, enumeration %.12g", (unsigned)seed, plan->info.objective_s,
                     best);
        for (uint32_t m = 0; m < plan->info.model_count; m++)
            assert_int_equal(plan->models[m].config, c.configs[m]);
        feasible += is_there;
        llmsched_plan_release(plan);
        lls_demands_finish(&demands, context);
        llmsched_planner_destroy(c.planner);
    }
    assert_true(feasible > CASES / 3 && feasible < CASES);
}

/* --- splits -------------------------------------------------------------------------------- */

static bool are_equal(const lls_cut *a, const lls_cut *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* All splits; no two alike where domains may be exchanged, each of as many GPUs as there are. */
static uint32_t count_splits(const uint32_t *gpus, const uint32_t *alike, uint32_t domains)
{
    static lls_cut seen[4096][2];
    lls_splits splits;
    uint32_t count = 0;
    assert_true(lls_splits_init(&splits, context, gpus, alike, domains));
    do {
        for (uint32_t d = 0; d < domains; d++) {
            uint32_t sum = 0;
            for (uint32_t k = 0; k < LLS_SPLIT_SIZES; k++)
                sum += lls_splits_cut(&splits, d)->meshes[k] << k;
            assert_int_equal(sum, gpus[d]);
        }
        if (domains <= 2) {
            lls_cut one = *lls_splits_cut(&splits, 0),
                    other = *lls_splits_cut(&splits, domains - 1);
            for (uint32_t i = 0; i < count; i++) {
                assert_false(are_equal(&one, &seen[i][0]) && are_equal(&other, &seen[i][1]));
                assert_false(domains == 2 && alike[0] == alike[1] && are_equal(&one, &seen[i][1]) &&
                             are_equal(&other, &seen[i][0]));
            }
            seen[count][0] = one;
            seen[count][1] = other;
        }
        count++;
    } while (lls_splits_next(&splits));
    lls_splits_finish(&splits);
    return count;
}

static void test_splits(void **state)
{
    (void)state;
    static const uint32_t eights[16] = {8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8};
    static const uint32_t same[16] = {0}, unlike[] = {0, 1};
    static const uint32_t odd[] = {8, 7, 6, 5, 15, 14, 13, 12}, all[] = {0, 1, 2, 3, 4, 5, 6, 7};
    assert_int_equal(count_splits(eights, same, 1), 10);
    assert_int_equal(count_splits(eights, same, 2), 55);
    assert_int_equal(count_splits(eights, unlike, 2), 100);
    assert_int_equal(count_splits(eights, same, 3), 220);
    assert_int_equal(count_splits(eights, same, 16), 10); /* cut alike */
    assert_int_equal(count_splits(odd, all, 8), 26);      /* in step: as many as cuts of 15 */
}

static void test_like_domains_are_cut_alike(void **state)
{
    (void)state;
    static const uint32_t eights[16] = {8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8};
    static const uint32_t same[16] = {0};
    lls_splits splits;
    assert_true(lls_splits_init(&splits, context, eights, same, 16));
    do {
        for (uint32_t d = 1; d < 16; d++)
            assert_true(are_equal(lls_splits_cut(&splits, 0), lls_splits_cut(&splits, d)));
    } while (lls_splits_next(&splits));
    lls_splits_finish(&splits);
}

/* --- MuxServe beside a slow twin ------------------------------------------------------------ */

enum { MUX_MODELS = 4, MUX_GPUS = 10, MUX_CONFIGS = 16 };

/* What the twin knows of a case: it draws it, so nothing is read back from the planner. */
typedef struct mux_config {
    uint32_t kind, tp;
    double share, seconds; /* of add_config() */
} mux_config;

typedef struct mux_model {
    double weight, rate;
    mux_config configs[MUX_CONFIGS];
    uint32_t count;
} mux_model;

typedef struct mux_mesh {
    uint32_t kind, size;
    double memory;
    uint32_t guests[MUX_MODELS], configs[MUX_MODELS], count;
} mux_mesh;

typedef struct mux_case {
    llmsched_planner *planner;
    mux_model models[MUX_MODELS];
    uint32_t model_count;
    uint32_t sizes[2], kinds[2];
    double memories[2];
    mux_mesh meshes[MUX_GPUS];
    uint32_t mesh_count;
    double best; /* negative: none has room */
} mux_case;

static const char *const mux_kinds[] = {"k", "l"};

static void draw_mux_model(mux_case *c, lls_random *random, uint32_t m)
{
    static const double shares[] = {0.4, 0.6, 1.0};
    mux_model *model = &c->models[m];
    double seconds = 0.01 + 0.03 * lls_random_uniform(random);
    model->weight = 1e9 * (5 + lls_random_below(random, 45));
    model->rate = (0.05 + 1.5 * lls_random_uniform(random)) * 0.16 / seconds;
    add_model(c->planner, m, model->weight);
    for (uint32_t i = 0; i < 12; i++) {
        mux_config config = {
            .kind = lls_random_below(random, 3) == 0, .tp = 1u << (i / 4), .share = shares[i % 3]};
        bool is_known = lls_random_below(random, 6) == 0;
        for (uint32_t k = 0; k < model->count; k++)
            is_known = is_known || (model->configs[k].kind == config.kind &&
                                    model->configs[k].tp == config.tp &&
                                    model->configs[k].share == config.share);
        if (is_known)
            continue;
        config.seconds = seconds / sqrt(config.tp) / sqrt(config.share);
        model->configs[model->count++] = config;
        add_config(c->planner, m, mux_kinds[config.kind], config.tp, config.share, config.seconds);
    }
    add_app(c->planner, m, model->rate, 1);
}

static void draw_mux(mux_case *c, uint64_t seed)
{
    lls_random random;
    lls_random_seed(&random, seed);
    *c = (mux_case){.planner = begin(), .best = -1};
    for (uint32_t d = 0; d < 2; d++) {
        c->sizes[d] = 1 + lls_random_below(&random, 1 + lls_random_below(&random, 5));
        c->kinds[d] = lls_random_below(&random, 3) == 0;
        c->memories[d] = lls_random_below(&random, 3) == 0 ? 40e9 : 80e9;
        add_domain(c->planner, d == 0 ? "x" : "y", mux_kinds[c->kinds[d]], c->sizes[d],
                   c->memories[d]);
    }
    c->model_count = 1 + lls_random_below(&random, MUX_MODELS);
    for (uint32_t m = 0; m < c->model_count; m++)
        draw_mux_model(c, &random, m);
}

/* Seconds of a batch of 4: 10 steps each of (0.9 + 0.1 * 4) seconds; 4 prompts of one each. */
static double mux_decode(const mux_config *config)
{
    return 10 * 1.3 * config->seconds;
}

static double mux_prefill(const mux_config *config)
{
    return 4 * config->seconds;
}

static double mux_alone(const mux_config *config)
{
    return 4 / (mux_prefill(config) + mux_decode(config));
}

static double mux_throughput(const mux_case *c, const mux_mesh *mesh)
{
    double prefills = 0, sum = 0;
    for (uint32_t i = 0; i < mesh->count; i++)
        prefills += mux_prefill(&c->models[mesh->guests[i]].configs[mesh->configs[i]]);
    for (uint32_t i = 0; i < mesh->count; i++) {
        const mux_model *model = &c->models[mesh->guests[i]];
        sum += fmin(model->rate, 4 / (mux_decode(&model->configs[mesh->configs[i]]) + prefills));
    }
    return sum;
}

/* The least share that serves the rate alone, or the most there is; -1: no such configuration. */
static int mux_choose(const mux_model *model, const mux_mesh *mesh)
{
    int least = -1, most = -1;
    for (uint32_t k = 0; k < model->count; k++) {
        const mux_config *config = &model->configs[k];
        if (config->kind != mesh->kind || config->tp != mesh->size)
            continue;
        if (most < 0 || config->share > model->configs[most].share)
            most = (int)k;
        if (mux_alone(config) >= model->rate &&
            (least < 0 || config->share < model->configs[least].share))
            least = (int)k;
    }
    return least >= 0 ? least : most;
}

static bool mux_has_room(const mux_case *c, const mux_mesh *mesh)
{
    double share = 0, bytes = 0;
    for (uint32_t i = 0; i < mesh->count; i++) {
        share += c->models[mesh->guests[i]].configs[mesh->configs[i]].share;
        bytes += c->models[mesh->guests[i]].weight / mesh->size;
    }
    return share <= 1.2 + 1e-6 && bytes <= mesh->memory + 1;
}

static bool mux_place(mux_case *c, uint32_t m)
{
    int best = -1;
    double best_gain = 0;
    mux_mesh made = {0};
    for (uint32_t i = 0; i < c->mesh_count; i++) {
        mux_mesh with = c->meshes[i];
        int config = mux_choose(&c->models[m], &with);
        if (config < 0)
            continue;
        with.guests[with.count] = m;
        with.configs[with.count++] = (uint32_t)config;
        double gain = mux_throughput(c, &with) - mux_throughput(c, &c->meshes[i]);
        if (mux_has_room(c, &with) && (best < 0 || gain > best_gain + 1e-9 * c->models[m].rate)) {
            best = (int)i;
            best_gain = gain;
            made = with;
        }
    }
    if (best >= 0)
        c->meshes[best] = made;
    return best >= 0;
}

static void mux_greedy(mux_case *c)
{
    bool is_placed[MUX_MODELS] = {false}, ok = true;
    double sum = 0;
    for (uint32_t i = 0; i < c->mesh_count; i++)
        c->meshes[i].count = 0;
    for (uint32_t turn = 0; ok && turn < c->model_count; turn++) {
        uint32_t next = MUX_MODELS;
        for (uint32_t m = 0; m < c->model_count; m++)
            if (!is_placed[m] &&
                (next == MUX_MODELS || c->models[m].rate * c->models[m].weight >
                                           c->models[next].rate * c->models[next].weight))
                next = m;
        is_placed[next] = true;
        ok = mux_place(c, next);
    }
    for (uint32_t i = 0; ok && i < c->mesh_count; i++)
        sum += mux_throughput(c, &c->meshes[i]);
    if (ok && sum > c->best)
        c->best = sum;
}

/* Of two like domains the second is not cut more coarsely: which is which makes no difference but
 * to ties. */
static bool mux_is_repeated(const mux_case *c)
{
    uint32_t left = c->sizes[0], start = 0;
    if (c->sizes[0] != c->sizes[1] || c->kinds[0] != c->kinds[1] ||
        c->memories[0] != c->memories[1])
        return false;
    while (left > 0)
        left -= c->meshes[start++].size;
    for (uint32_t i = 0; i < start && start + i < c->mesh_count; i++)
        if (c->meshes[i].size != c->meshes[start + i].size)
            return c->meshes[i].size < c->meshes[start + i].size;
    return false;
}

/* All ways to cut what is left of a domain into meshes of at most so many, then the next domain. */
static void mux_cut(mux_case *c, uint32_t domain, uint32_t left, uint32_t most)
{
    if (domain == 2) {
        if (!mux_is_repeated(c))
            mux_greedy(c);
        return;
    }
    if (left == 0) {
        mux_cut(c, domain + 1, domain == 0 ? c->sizes[1] : 0, 8);
        return;
    }
    for (uint32_t size = most; size > 0; size /= 2)
        if (size <= left) {
            c->meshes[c->mesh_count++] =
                (mux_mesh){.kind = c->kinds[domain], .size = size, .memory = c->memories[domain]};
            mux_cut(c, domain, left - size, size);
            c->mesh_count--;
        }
}

/* What the estimator says of a plan: models on the same GPUs share a mesh. */
static double mux_of_plan(const mux_case *c, const llmsched_plan *plan)
{
    double sum = 0;
    for (uint32_t first = 0; first < MUX_GPUS; first++) {
        mux_mesh mesh = {0};
        for (uint32_t r = 0; r < plan->info.replica_count; r++) {
            const llmsched_plan_replica *replica = &plan->replicas[r];
            const lls_gpu *gpu = &c->planner->gpus[replica->gpus[0]];
            if (replica->gpus[0] != first)
                continue;
            assert_true(mesh.count == 0 || mesh.size == replica->gpu_count);
            assert_int_equal(gpu->position % replica->gpu_count, 0);
            assert_true(gpu->position + replica->gpu_count <= c->sizes[gpu->domain]);
            check_gpus(plan, r, first, replica->gpu_count);
            mesh.size = replica->gpu_count;
            mesh.memory = gpu->memory;
            mesh.guests[mesh.count] = r; /* every model has one replica */
            mesh.configs[mesh.count++] = plan->models[replica->model].config;
        }
        assert_true(mux_has_room(c, &mesh));
        sum += mux_throughput(c, &mesh);
    }
    for (uint32_t g = 0; g < plan->info.gpu_count; g++)
        assert_true(plan->gpus[g].used_share <= 1.2 + 1e-6); /* no GPU is in two meshes */
    return sum;
}

static void test_muxserve_is_its_twin(void **state)
{
    (void)state;
    uint32_t there = 0, shared = 0;
    for (uint64_t seed = 0; seed < 400; seed++) {
        mux_case c;
        draw_mux(&c, seed);
        mux_cut(&c, 0, c.sizes[0], 8);
        llmsched_plan *plan = plan_by(c.planner, "muxserve");
        bool has_plan = plan->info.status == LLMSCHED_PLAN_FEASIBLE;
        double sum = has_plan ? mux_of_plan(&c, plan) : -1;
        if (!lls_close(sum, c.best, 1e-8))
            fail_msg("seed %u: throughput %.12g, twin %.12g", (unsigned)seed, sum, c.best);
        if (has_plan) {
            assert_int_equal(plan->info.replica_count, c.model_count);
            assert_int_equal(plan->autoscaler.kind, LLMSCHED_AUTOSCALER_NONE);
        }
        there += has_plan;
        shared += has_plan && plan->info.touched_gpus < plan->info.model_count;
        llmsched_plan_release(plan);
        llmsched_planner_destroy(c.planner);
    }
    assert_true(there > 200 && there < 400 && shared > 20);
}

/* --- all of them ---------------------------------------------------------------------------- */

/* Those that put a plan together without the search, and then the one that searches. */
static const char *const rivals[] = {"k8s", "kserve", "muxserve", "best-manual"};
enum { WITHOUT_SEARCH = 3 };

/* Two models of one GPU each, on three. */
static llmsched_planner *small(double rate)
{
    llmsched_planner *planner = begin();
    add_domain(planner, "x", "k", 3, 80e9);
    for (uint32_t m = 0; m < 2; m++) {
        add_model(planner, m, 50e9);
        add_config(planner, m, "k", 1, 1, 0.01);
        add_app(planner, m, rate, 1);
    }
    return planner;
}

static void test_without_rates_nothing_is_placed(void **state)
{
    (void)state;
    llmsched_planner *planner = small(0);
    for (uint32_t i = 0; i < WITHOUT_SEARCH; i++) {
        llmsched_plan *plan = plan_by(planner, rivals[i]);
        assert_int_not_equal(plan->info.status, LLMSCHED_PLAN_INFEASIBLE);
        assert_int_equal(plan->info.model_count, 0);
        assert_int_equal(plan->info.app_count, 2);
        llmsched_plan_release(plan);
    }
    llmsched_planner_destroy(planner);
}

static void test_fewest_gpus(void **state)
{
    (void)state;
    llmsched_planner *planner = small(1);
    llmsched_error err = {0};
    for (uint32_t i = 0; i < LLS_COUNT(rivals); i++) {
        llmsched_planner_options options = {.size = sizeof options, .planner = rivals[i]};
        llmsched_plan *plan = NULL;
        uint32_t gpus = 0;
        assert_ok(llmsched_planner_min_gpus(planner, &options, &gpus, &plan, &err), err);
        assert_int_equal(gpus, 2);
        assert_int_equal(plan->info.replica_count, 2);
        for (uint32_t r = 0; r < 2; r++)
            assert_true(plan->replicas[r].gpus[0] < 2);
        llmsched_plan_release(plan);
    }
    llmsched_planner_destroy(planner);
}

/* A replica ends 4 calls in 10 * 0.013 + 4 * 0.01 seconds; best-manual uses 0.9 of that, and its
 * third GPU helps one model only. */
static void test_highest_rate(void **state)
{
    (void)state;
    llmsched_planner *planner = small(2);
    llmsched_error err = {0};
    for (uint32_t i = 0; i < LLS_COUNT(rivals); i++) {
        llmsched_planner_options options = {.size = sizeof options, .planner = rivals[i]};
        double factor = 0, most = 4 / 0.17 / 2 * (i == WITHOUT_SEARCH ? 0.9 : 1);
        assert_ok(llmsched_planner_max_rate(planner, &options, &factor, NULL, &err), err);
        assert_true(factor <= most && factor > most * (1 - 2e-3));
    }
    llmsched_planner_destroy(planner);
}

static void test_the_same_each_time(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < LLS_COUNT(rivals); i++) {
        llmsched_text *texts[2] = {NULL, NULL};
        for (uint32_t turn = 0; turn < 2; turn++) {
            mux_case c;
            llmsched_error err = {0};
            draw_mux(&c, 7);
            llmsched_plan *plan = plan_by(c.planner, rivals[i]);
            assert_ok(llmsched_plan_to_json(plan, &texts[turn], &err), err);
            llmsched_plan_release(plan);
            llmsched_planner_destroy(c.planner);
        }
        assert_string_equal(llmsched_text_data(texts[0]), llmsched_text_data(texts[1]));
        llmsched_text_destroy(texts[0]);
        llmsched_text_destroy(texts[1]);
    }
}

static const char *failing_method;
static const char failing_models[] =
    "{\"format\":\"llmsched-models-1\",\"models\":[{\"name\":\"m\",\"weight_bytes\":1e10,"
    "\"kv_bytes_per_token\":0,\"kv_floor_bytes\":1e9,\"runtime_bytes\":1e9,\"configs\":["
    "{\"gpu\":\"h100-80g\",\"tp\":1,\"max_batch\":8,"
    "\"prefill\":{\"base_s\":0,\"per_token_s\":0.001},"
    "\"decode\":{\"table\":[[1,100,0.01],[8,100,0.02]]}}]}]}";
static const char failing_apps[] =
    "{\"format\":\"llmsched-apps-1\",\"apps\":[{\"name\":\"a\",\"rate_per_s\":0.5,\"stages\":["
    "{\"id\":\"x\",\"model\":\"m\",\"prompt_tokens\":100,\"output_tokens\":50}]}]}";

static llmsched_status failing_plan(llmsched_context *c, llmsched_error *err)
{
    llmsched_planner *planner = NULL;
    llmsched_plan *plan = NULL;
    llmsched_planner_options options = {.size = sizeof options, .planner = failing_method};
    llmsched_status status = llmsched_planner_create(c, &planner, err);
    if (status == LLMSCHED_OK)
        status = llmsched_planner_add_gpus(planner, "1x2xh100-80g", err);
    if (status == LLMSCHED_OK)
        status = llmsched_planner_read_models(planner, failing_models, strlen(failing_models), err);
    if (status == LLMSCHED_OK)
        status = llmsched_planner_read_apps(planner, failing_apps, strlen(failing_apps), err);
    if (status == LLMSCHED_OK)
        status = llmsched_planner_plan(planner, &options, &plan, err);
    assert_true((plan != NULL) == (status == LLMSCHED_OK));
    llmsched_plan_release(plan);
    llmsched_planner_destroy(planner);
    return status;
}

static void test_failing_allocations(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < WITHOUT_SEARCH; i++) {
        failing_method = rivals[i];
        assert_true(fail_each_allocation(failing_plan) > 60);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_least_whole_gpus),
        cmocka_unit_test(test_alignment),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_best_manual_is_the_best_split),
        cmocka_unit_test(test_splits),
        cmocka_unit_test(test_like_domains_are_cut_alike),
        cmocka_unit_test(test_muxserve_is_its_twin),
        cmocka_unit_test(test_without_rates_nothing_is_placed),
        cmocka_unit_test(test_fewest_gpus),
        cmocka_unit_test(test_highest_rate),
        cmocka_unit_test(test_the_same_each_time),
        cmocka_unit_test(test_failing_allocations),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
