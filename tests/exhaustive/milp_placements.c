/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small placement problems as mixed-integer programs, solved by GLPK: the search finds the same
 * objective, and of the plans with that objective the same least total share.
 *
 *   u[item] in {0, 1}          the item that a menu is served by
 *   y[config, group] >= 0      replicas of a menu's configuration on a group of GPUs side by side
 *   F[stage], T[app] >= 0      when a stage ends, and the latency
 *
 *   min sum w T;  sum u = 1 of each menu;  sum over groups of y = sum of replicas * u of each
 *   configuration;  shares, memory and bandwidth of each GPU;  F >= F of each parent + stage,
 *   T >= F;  T <= limit.
 */
#include <glpk.h>

#include "context.h"
#include "place_twin.h"

enum { CASES = 600, FIRST_SEED = 20001, MOST_MS = 4000, ROOM = 4096 };

/* GLPK keeps rows to about this, relative. */
static const double PRECISION = 1e-6;

typedef struct program {
    const lls_place_problem *problem;
    glp_prob *lp;
    int items[8];     /* first u of each menu */
    int latencies[8]; /* T of each application */
    int gpu_rows;     /* first of three for each GPU */
    int columns[ROOM];
    double values[ROOM];
    int length; /* of the row under construction */
} program;

static void put(program *p, int column, double value)
{
    assert_true(p->length + 1 < ROOM);
    p->length++;
    p->columns[p->length] = column;
    p->values[p->length] = value;
}

/* Adds what was put as a row. */
static void add_row(program *p, int kind, double low, double high)
{
    int row = glp_add_rows(p->lp, 1);
    glp_set_row_bnds(p->lp, row, kind, low, high);
    glp_set_mat_row(p->lp, row, p->length, p->columns, p->values);
    p->length = 0;
}

static int add_column(program *p, int kind)
{
    int column = glp_add_cols(p->lp, 1);
    glp_set_col_bnds(p->lp, column, GLP_LO, 0.0, 0.0);
    glp_set_col_kind(p->lp, column, kind);
    return column;
}

/* --- items and where they are ---------------------------------------------------------------- */

static bool is_group(const lls_place_problem *p, const lls_item *item, uint32_t first)
{
    if (p->gpus[first].position % item->tp != 0 || first + item->tp > p->gpu_count)
        return false;
    for (uint32_t g = first; g < first + item->tp; g++)
        if (p->gpus[g].kind != item->kind || p->gpus[g].domain != p->gpus[first].domain)
            return false;
    return true;
}

/* A column's part of the rows of its GPUs, memory as a part of what the GPU has. */
static void use_gpus(program *p, int column, const lls_item *item, uint32_t first)
{
    p->length = 0;
    for (uint32_t g = first; g < first + item->tp; g++) {
        int row = p->gpu_rows + 3 * (int)g;
        put(p, row, item->share);
        put(p, row + 1, item->memory / p->problem->gpus[g].memory);
        put(p, row + 2, item->bandwidth);
    }
    glp_set_mat_col(p->lp, column, p->length, p->columns, p->values);
    p->length = 0;
}

/* The replicas of a configuration are where they are counted. */
static void add_config(program *p, uint32_t menu, uint32_t like)
{
    const lls_menu *m = &p->problem->menus[menu];
    const lls_item *item = &m->items[like];
    int groups[64], count = 0;
    for (uint32_t first = 0; first < p->problem->gpu_count; first++)
        if (is_group(p->problem, item, first)) {
            groups[count] = add_column(p, GLP_IV);
            use_gpus(p, groups[count++], item, first);
        }
    for (uint32_t k = like; k < m->count; k++)
        if (m->items[k].config == item->config)
            put(p, p->items[menu] + (int)k, -(double)m->items[k].replicas);
    for (int i = 0; i < count; i++)
        put(p, groups[i], 1.0);
    add_row(p, GLP_FX, 0.0, 0.0);
}

static void add_menu(program *p, uint32_t menu)
{
    const lls_menu *m = &p->problem->menus[menu];
    for (uint32_t k = 0; k < m->count; k++) {
        int column = add_column(p, GLP_BV);
        p->items[menu] = k == 0 ? column : p->items[menu];
    }
    for (uint32_t k = 0; k < m->count; k++)
        put(p, p->items[menu] + (int)k, 1.0);
    add_row(p, GLP_FX, 1.0, 1.0);
    for (uint32_t k = 0; k < m->count; k++) {
        uint32_t same = 0;
        while (m->items[same].config != m->items[k].config)
            same++;
        if (same == k)
            add_config(p, menu, k);
    }
}

static void add_gpus(program *p)
{
    p->gpu_rows = glp_add_rows(p->lp, 3 * (int)p->problem->gpu_count);
    for (int i = 0; i < 3 * (int)p->problem->gpu_count; i++)
        glp_set_row_bnds(p->lp, p->gpu_rows + i, GLP_UP, 0.0, 1.0 + LLS_PLACE_SLACK);
}

/* --- latencies ---------------------------------------------------------------------------------
 */

/* Puts the seconds of a menu's item times a factor, with the sign of a left side. */
static void put_item(program *p, uint32_t menu, const double *by_config, double factor)
{
    const lls_menu *m = &p->problem->menus[menu];
    for (uint32_t k = 0; k < m->count; k++)
        put(p, p->items[menu] + (int)k,
            -m->items[k].latency * (by_config != NULL ? by_config[m->items[k].config] : factor));
}

static void add_stage(program *p, const lls_place_stage *stage, const int *finish, int own,
                      uint32_t parent)
{
    put(p, own, 1.0);
    if (parent != LLS_NONE32)
        put(p, finish[parent], -1.0);
    if (stage->menu != LLS_NONE32)
        put_item(p, stage->menu, stage->factor, 0.0);
    add_row(p, GLP_LO, stage->fixed, 0.0);
}

/* A menu may be asked by several terms: their factors are added up, as a row has a column once. */
static void add_terms(program *p, const lls_place_app *app, int latency)
{
    put(p, latency, 1.0);
    for (uint32_t m = 0; m < p->problem->menu_count; m++) {
        double factor = 0.0;
        for (uint32_t i = 0; i < app->term_count; i++)
            factor += app->terms[i].menu == m ? app->terms[i].factor : 0.0;
        if (factor > 0.0)
            put_item(p, m, NULL, factor);
    }
    add_row(p, GLP_LO, 0.0, 0.0);
}

static void add_app(program *p, uint32_t a)
{
    const lls_place_app *app = &p->problem->apps[a];
    int finish[16], latency = add_column(p, GLP_CV);
    p->latencies[a] = latency;
    if (app->max_latency > 0.0)
        glp_set_col_bnds(p->lp, latency, GLP_DB, 0.0, app->max_latency * (1.0 + LLS_PLACE_EQUAL));
    for (uint32_t s = 0; s < app->stage_count; s++) {
        const lls_place_stage *stage = &app->stages[s];
        finish[s] = add_column(p, GLP_CV);
        if (stage->parent_count == 0)
            add_stage(p, stage, finish, finish[s], LLS_NONE32);
        for (uint32_t i = 0; i < stage->parent_count; i++) {
            bool again = false;
            for (uint32_t j = 0; j < i; j++)
                again = again || stage->parents[j] == stage->parents[i];
            if (!again)
                add_stage(p, stage, finish, finish[s], stage->parents[i]);
        }
        put(p, latency, 1.0);
        put(p, finish[s], -1.0);
        add_row(p, GLP_LO, 0.0, 0.0);
    }
    if (app->term_count > 0)
        add_terms(p, app, latency);
}

/* --- solving ---------------------------------------------------------------------------------- */

static void program_make(program *p, const lls_place_problem *problem)
{
    *p = (program){.problem = problem, .lp = glp_create_prob()};
    glp_set_obj_dir(p->lp, GLP_MIN);
    add_gpus(p);
    for (uint32_t m = 0; m < problem->menu_count; m++)
        add_menu(p, m);
    for (uint32_t a = 0; a < problem->app_count; a++)
        add_app(p, a);
}

/* GLP_OPT, GLP_NOFEAS, or GLP_UNDEF: it took too long. */
static int program_solve(program *p)
{
    glp_iocp how;
    glp_init_iocp(&how);
    how.msg_lev = GLP_MSG_OFF;
    how.presolve = GLP_ON;
    how.mir_cuts = how.cov_cuts = GLP_ON;
    how.tol_obj = 1e-9;
    how.tm_lim = MOST_MS;
    int error = glp_intopt(p->lp, &how);
    if (error == GLP_ENOPFS)
        return GLP_NOFEAS;
    return error == 0 && glp_mip_status(p->lp) != GLP_FEAS ? glp_mip_status(p->lp) : GLP_UNDEF;
}

static int least_latency(program *p)
{
    for (uint32_t a = 0; a < p->problem->app_count; a++)
        glp_set_obj_coef(p->lp, p->latencies[a], p->problem->apps[a].weight);
    return program_solve(p);
}

/* Of what is not above the objective. */
static int least_share(program *p, double objective)
{
    for (uint32_t a = 0; a < p->problem->app_count; a++) {
        glp_set_obj_coef(p->lp, p->latencies[a], 0.0);
        if (p->problem->apps[a].weight > 0.0)
            put(p, p->latencies[a], p->problem->apps[a].weight);
    }
    add_row(p, GLP_UP, 0.0, objective * (1.0 + 1e-8));
    for (uint32_t m = 0; m < p->problem->menu_count; m++)
        for (uint32_t k = 0; k < p->problem->menus[m].count; k++) {
            const lls_item *item = &p->problem->menus[m].items[k];
            glp_set_obj_coef(p->lp, p->items[m] + (int)k,
                             item->share * (double)(item->tp * item->replicas));
        }
    return program_solve(p);
}

/* --- the comparison --------------------------------------------------------------------------- */

typedef struct tally {
    uint32_t same, infeasible, shares, undecided;
} tally;

static void compare(const lls_place_problem *problem, uint64_t seed, tally *t)
{
    program *p = malloc(sizeof *p);
    lls_solve_options options = {.node_budget = 20000000};
    lls_solution s = {0};
    llmsched_error err = {0};
    program_make(p, problem);
    int answer = least_latency(p);
    if (answer == GLP_UNDEF) {
        t->undecided++;
    } else {
        llmsched_status expected = answer == GLP_OPT ? LLMSCHED_OK : LLMSCHED_NONE;
        llmsched_status status = lls_solve(problem, &options, &s, &err);
        double objective = answer == GLP_OPT ? glp_mip_obj_val(p->lp) : 0.0;
        if (status != expected || fabs(objective - s.objective) > PRECISION * objective) {
            print_error("seed %llu: the program says %d, %.12g, the search %s, %.12g\n",
                        (unsigned long long)seed, answer, objective, llmsched_status_name(status),
                        s.objective);
            fail();
        }
        t->same += answer == GLP_OPT;
        t->infeasible += answer != GLP_OPT;
        if (answer == GLP_OPT && least_share(p, s.objective) == GLP_OPT) {
            t->shares++;
            if (fabs(glp_mip_obj_val(p->lp) - s.total_share) > PRECISION * s.total_share) {
                print_error("seed %llu: share %.12g, the search %.12g\n", (unsigned long long)seed,
                            glp_mip_obj_val(p->lp), s.total_share);
                fail();
            }
        }
    }
    lls_solution_finish(context, &s);
    glp_delete_prob(p->lp);
    free(p);
}

static void test_programs(void **state)
{
    (void)state;
    tally t = {0};
    glp_term_out(GLP_OFF);
    for (uint64_t seed = FIRST_SEED; seed < FIRST_SEED + CASES; seed++) {
        place_world w = place_small_world(seed);
        place_case c;
        if (place_case_make(&c, context, &w))
            compare(&c.problem, seed, &t);
        place_case_free(&c);
    }
    print_message(
        "seeds %u to %u: %u plans, of %u the share too, %u without a plan, %u undecided\n",
        FIRST_SEED, FIRST_SEED + CASES - 1, t.same, t.shares, t.infeasible, t.undecided);
    assert_true(t.same >= 200);
    assert_true(t.shares >= 200);
    assert_true(t.infeasible >= 50);
    glp_free_env();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_programs)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
