/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plans a recorded case by every planner and prints what came out:
 *
 *   plan CLUSTER.json MODELS.json APPS.json
 *
 * bindings/python/tests and bindings/go do the same; all three must print plan.expected.txt:
 * what is searched, every planner's plan, and why there is none at a thousand times the rates.
 */
#include <llmsched/llmsched.h>

#include <stdio.h>
#include <stdlib.h>

static llmsched_error err = {.size = sizeof err};

static void must(llmsched_status status)
{
    if (status != LLMSCHED_OK) {
        fprintf(stderr, "%s: %s\n", llmsched_status_name(status), err.message);
        exit(1);
    }
}

typedef llmsched_status reader(llmsched_planner *planner, const char *json, size_t length,
                               llmsched_error *e);

static void read_document(llmsched_planner *planner, reader *read, const char *path)
{
    static char text[1 << 16];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    size_t length = fread(text, 1, sizeof text, file);
    fclose(file);
    must(read(planner, text, length, &err));
}

static void print(const char *what, llmsched_text *text)
{
    printf("%s\n%s\n", what, llmsched_text_data(text));
    llmsched_text_destroy(text);
}

static void print_plan(const llmsched_planner *planner, const char *what,
                       const llmsched_planner_options *options)
{
    llmsched_plan *plan;
    llmsched_text *text;
    must(llmsched_planner_plan(planner, options, &plan, &err));
    must(llmsched_plan_to_json(plan, &text, &err));
    print(what, text);
    llmsched_plan_release(plan);
}

int main(int argc, char **argv)
{
    llmsched_context *context;
    llmsched_planner *planner;
    llmsched_text *menus;
    llmsched_planner_options options = {.size = sizeof options};
    if (argc != 4)
        return 2;
    must(llmsched_context_create(NULL, &context, &err));
    must(llmsched_planner_create(context, &planner, &err));
    read_document(planner, llmsched_planner_read_cluster, argv[1]);
    read_document(planner, llmsched_planner_read_models, argv[2]);
    read_document(planner, llmsched_planner_read_apps, argv[3]);
    must(llmsched_planner_menus(planner, &options, &menus, &err));
    print("menus", menus);
    for (uint32_t i = 0; i < llmsched_planner_method_count(); i++) {
        options.planner = llmsched_planner_method_name(i);
        print_plan(planner, options.planner, &options);
    }
    options = (llmsched_planner_options){.size = sizeof options, .rate_factor = 1000.0};
    print_plan(planner, "too much", &options);
    llmsched_planner_destroy(planner);
    llmsched_context_destroy(context);
    return 0;
}
