/* SPDX-License-Identifier: Apache-2.0 */
/* The program's reader of applications, some of which name profiles: from files in a folder. */
#define _POSIX_C_SOURCE 200809L
#include "shapes.h"

#include "apps.h"
#include "place/internal.h"

#include <stdlib.h>
#include <unistd.h>

static char folder[] = "/tmp/llmsched-apps-XXXXXX";

static void path_of(const char *name, char *path, size_t room)
{
    snprintf(path, room, "%s/%s", folder, name);
}

static void write_file(const char *name, const char *text)
{
    char path[256];
    path_of(name, path, sizeof path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void write_profile(const char *name, const llmsched_profile *profile)
{
    llmsched_error err = {0};
    llmsched_text *text = NULL;
    assert_ok(llmsched_profile_to_json(profile, &text, &err), err);
    write_file(name, llmsched_text_data(text));
    llmsched_text_destroy(text);
}

static void draw_named(struct shape *s)
{
    uint32_t plan = add_llm(s, "a", 2, LLMSCHED_INDEX_NONE);
    for (uint32_t i = 0; i < 3; i++)
        add_llm(s, "b", 1, plan);
    s->stages[plan].prompt_tokens = 100;
    s->stages[plan].output_tokens = 10;
}

/* named.json: of models "a" and "b"; plain.json: of none that is named; none.json: of no calls. */
static int make_folder_of_profiles(void **state)
{
    struct shape named = {0}, plain = {0}, none = {0};
    struct shape *const shapes_of[] = {&named, &plain, &none};
    static const char *const names[] = {"named.json", "plain.json", "none.json"};
    if (setup(state) != 0 || mkdtemp(folder) == NULL)
        return -1;
    draw_named(&named);
    add_llm(&plain, NULL, 1, LLMSCHED_INDEX_NONE);
    add_tool(&none, 1, LLMSCHED_INDEX_NONE);
    for (uint32_t i = 0; i < 3; i++) {
        llmsched_profile *p = profile_of(shapes_of[i], 1);
        write_profile(names[i], p);
        llmsched_profile_release(p);
    }
    return 0;
}

static int remove_folder(void **state)
{
    static const char *const names[] = {"named.json", "plain.json", "none.json", "apps.json"};
    for (uint32_t i = 0; i < LLS_COUNT(names); i++) {
        char path[256];
        path_of(names[i], path, sizeof path);
        (void)unlink(path);
    }
    return rmdir(folder) == 0 ? teardown(state) : -1;
}

static llmsched_planner *planner_of(const char *const *models, uint32_t count)
{
    llmsched_error err = {0};
    llmsched_planner *planner = NULL;
    assert_ok(llmsched_planner_create(context, &planner, &err), err);
    for (uint32_t i = 0; i < count; i++) {
        llmsched_model model = {.size = sizeof model, .name = models[i], .weight_bytes = 1e9};
        assert_ok(llmsched_planner_add_model(planner, &model, NULL, &err), err);
    }
    return planner;
}

static const char *const PLANNED[] = {"a", "b"};

/* apps: what stands in the array. */
static bool read_apps(llmsched_planner *planner, const char *apps, struct problem *problem)
{
    char text[1024], path[256];
    snprintf(text, sizeof text, "{\"format\":\"llmsched-apps-1\",\n\"apps\":[\n%s]}", apps);
    write_file("apps.json", text);
    path_of("apps.json", path, sizeof path);
    *problem = (struct problem){0};
    return apps_read(context, planner, path, problem);
}

static void read_well(llmsched_planner *planner, const char *apps)
{
    struct problem problem;
    if (!read_apps(planner, apps, &problem))
        fail_msg("%s", problem.text);
}

static void assert_same_call(const lls_app_call *a, const lls_app_call *b)
{
    assert_int_equal(a->model, b->model);
    assert_double_equal(a->calls, b->calls, 0);
    assert_double_equal(a->overlap, b->overlap, 0);
    assert_double_equal(a->group, b->group, 0);
    assert_double_equal(a->prompt, b->prompt, 0);
    assert_double_equal(a->output, b->output, 0);
    assert_double_equal(a->context, b->context, 0);
}

static void test_profiles_among_others(void **state)
{
    (void)state;
    llmsched_planner *planner = planner_of(PLANNED, 2);
    read_well(planner,
              "{\"name\":\"first\",\"rate_per_s\":1,\"stages\":[{\"id\":\"s\",\"model\":\"a\","
              "\"prompt_tokens\":1,\"output_tokens\":1}]},\n"
              "{\"profile\":\"named.json\",\"rate_per_s\":2,\"weight\":3,\"name\":null},\n"
              "{\"profile\":\"named.json\",\"rate_per_s\":4,\"name\":\"third\",\"calls\":null}");
    assert_int_equal(planner->app_count, 3);
    assert_string_equal(planner->apps[0].name, "first");
    assert_string_equal(planner->apps[1].name, "test");
    assert_string_equal(planner->apps[2].name, "third");
    assert_double_equal(planner->apps[1].rate, 2, 0);
    assert_double_equal(planner->apps[1].weight, 3, 0);
    /* What the library takes from the profile itself. */
    llmsched_planner *other = planner_of(PLANNED, 2);
    llmsched_error err = {0};
    llmsched_app app = {.size = sizeof app, .rate_per_s = 1};
    struct shape named = {0};
    draw_named(&named);
    llmsched_profile *p = profile_of(&named, 1);
    assert_ok(llmsched_planner_add_profile(other, &app, p, NULL, &err), err);
    for (uint32_t a = 1; a < 3; a++) {
        assert_int_equal(planner->apps[a].call_count, 2);
        for (uint32_t c = 0; c < 2; c++)
            assert_same_call(&planner->apps[a].calls[c], &other->apps[0].calls[c]);
    }
    llmsched_profile_release(p);
    llmsched_planner_destroy(other);
    llmsched_planner_destroy(planner);
}

static void test_stages_without_a_model(void **state)
{
    (void)state;
    llmsched_planner *planner = planner_of(PLANNED, 2);
    read_well(planner, "{\"profile\":\"plain.json\",\"model\":\"b\",\"rate_per_s\":1}");
    assert_int_equal(planner->apps[0].calls[0].model, 1);
    llmsched_planner_destroy(planner);
    planner = planner_of(PLANNED, 1);
    read_well(planner, "{\"profile\":\"plain.json\",\"rate_per_s\":1}");
    assert_int_equal(planner->apps[0].calls[0].model, 0);
    llmsched_planner_destroy(planner);
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *apps, *words;
    } cases[] = {
        {"{\"profile\":7,\"rate_per_s\":1}", "apps.json:3: apps[0].profile: expected a string"},
        {"{\"profile\":\"named.json\",\"rate_per_s\":1,\n\"calls\":[]}",
         "apps.json:3: apps[0].profile: expected no stages and no calls beside it"},
        {"{\"rate_per_s\":1,\n\"profile\":\"named.json\",\"stages\":[]}",
         "apps.json:4: apps[0].profile: expected no stages and no calls beside it"},
        {"{\"profile\":\"absent.json\",\"rate_per_s\":1}", "absent.json: expected a readable file"},
        {"{\"profile\":\"apps.json\",\"rate_per_s\":1}", "apps.json:1: format: expected"},
        {"{\"profile\":\"none.json\",\"rate_per_s\":1}",
         "apps.json:3: apps[0].profile: expected a profile with \"calls\""},
        {"{\"profile\":\"plain.json\",\"rate_per_s\":1}",
         "apps.json:3: apps[0].model: expected the model of the stages that name none"},
        {"{\"profile\":\"plain.json\",\"rate_per_s\":1,\"model\":[]}", "apps[0].model: expected"},
        {"{\"profile\":\"plain.json\",\"rate_per_s\":1,\"model\":\"q\"}",
         "no model is called \"q\""},
        {"{\"profile\":\"named.json\",\n\"rate_per_s\":-1}",
         "apps.json:4: apps[0].rate_per_s: expected"},
        {"{\"profile\":\"named.json\"}", "apps.json:3: apps[0].rate_per_s"},
        {"{\"profile\":\"named.json\",\"rate_per_s\":1},{\"profile\":\"named.json\","
         "\"rate_per_s\":1}",
         "\"test\" is there already"},
        {"7", "apps.json:3: apps[0]: expected an object"},
        {"{\"rate_per_s\":1,", "expected valid JSON"},
    };
    for (uint32_t i = 0; i < LLS_COUNT(cases); i++) {
        struct problem problem;
        llmsched_planner *planner = planner_of(PLANNED, 2);
        assert_false(read_apps(planner, cases[i].apps, &problem));
        assert_int_equal(problem.code, EXIT_BAD_INPUT);
        if (strstr(problem.text, cases[i].words) == NULL)
            fail_msg("\"%s\" lacks \"%s\"", problem.text, cases[i].words);
        assert_null(strchr(problem.text, '\n'));
        assert_int_equal(planner->app_count, 0);
        llmsched_planner_destroy(planner);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_profiles_among_others),
        cmocka_unit_test(test_stages_without_a_model),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, make_folder_of_profiles, remove_folder);
}
