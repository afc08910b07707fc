/* SPDX-License-Identifier: Apache-2.0 */
/* MuxServe: splits into meshes, and its placement beside a slow twin. */
#include "rivals.h"

#include "place/rivals/splits.h"

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
    model->weight = lls_random_below(random, 8) == 0 ? 0 : 1e9 * (5 + lls_random_below(random, 45));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_splits),
        cmocka_unit_test(test_like_domains_are_cut_alike),
        cmocka_unit_test(test_muxserve_is_its_twin),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
