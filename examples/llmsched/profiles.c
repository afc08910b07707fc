/* SPDX-License-Identifier: Apache-2.0 */
/* Reads runs, fits profiles side by side, and keeps them as files. */
#include "profiles.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "pool.h"
#include "random.h"

static struct application *find_application(struct applications *apps, const char *name,
                                            const char *stem)
{
    for (size_t i = apps->count; i-- > 0;)
        if (strcmp(apps->items[i].name, name) == 0)
            return &apps->items[i];
    grow((void **)&apps->items, &apps->capacity, apps->count + 1, sizeof *apps->items);
    struct application *app = &apps->items[apps->count++];
    *app = (struct application){.name = copy_text(name), .stem = copy_text(stem)};
    return app;
}

static void add_run(struct run_list *list, const llmsched_run *run)
{
    grow((void **)&list->runs, &list->capacity, list->count + 1, sizeof(const llmsched_run *));
    list->runs[list->count++] = run;
}

/* 60 of 100 tasks train, by a hash of the task: runs of one task stay together. */
static bool trains(const llmsched_run *run)
{
    struct random random = {fnv1a64(run->task != NULL ? run->task : run->job)};
    return random_next(&random) % 100 < 60;
}

static void add_history(struct applications *apps, llmsched_history *history, const char *stem,
                        enum run_role role)
{
    grow((void **)&apps->histories, &apps->history_capacity, apps->history_count + 1,
         sizeof *apps->histories);
    apps->histories[apps->history_count++] = history;
    for (uint32_t i = 0; i < llmsched_history_count(history); i++) {
        const llmsched_run *run = llmsched_history_run(history, i);
        struct application *app = find_application(apps, run->app, stem);
        bool train = role == ROLE_SPLIT ? trains(run) : role == ROLE_TRAIN;
        add_run(train ? &app->train : &app->eval, run);
    }
}

static bool read_file(struct applications *apps, llmsched_context *context, const char *path,
                      const struct cluster *cluster, enum run_role role, struct problem *problem)
{
    char *text, *stem = path_stem(path);
    size_t length;
    llmsched_history_options options = {.size = sizeof options};
    llmsched_history *history = NULL;
    llmsched_error err = {.size = sizeof err};
    if (cluster != NULL) {
        /* 0 would mean the default: as good as nothing stands for nothing. */
        options.prefill_s_per_token =
            cluster->prefill_s_per_token > 0.0 ? cluster->prefill_s_per_token : DBL_MIN;
        options.decode_s_per_token = cluster_tau(cluster, 1.0);
    }
    bool good = read_lines_text(path, &text, &length, problem);
    if (good) {
        if (llmsched_history_parse(context, stem, text, length, &options, &history, &err) !=
            LLMSCHED_OK)
            good = library_failed(problem, path, &err);
        else if (llmsched_history_count(history) == 0)
            good = bad_input(problem, "%s:1: job: expected at least one run", path);
        free(text);
    }
    if (good)
        add_history(apps, history, stem, role);
    else
        llmsched_history_release(history);
    free(stem);
    return good;
}

bool applications_read(struct applications *apps, llmsched_context *context,
                       const struct values *paths, const struct cluster *cluster,
                       bool (*wanted)(const void *user, const char *stem), const void *user,
                       enum run_role role, struct problem *problem)
{
    struct name_list files = {0};
    bool good = true;
    for (size_t i = 0; good && i < paths->count; i++) {
        if (!is_folder(paths->items[i])) {
            name_list_add(&files, paths->items[i]);
            continue;
        }
        size_t before = files.count;
        good = list_folder(paths->items[i], ".jsonl", &files, problem);
        if (good && files.count == before)
            good = bad_input(problem, "%s: expected a folder with *.jsonl files", paths->items[i]);
    }
    struct progress progress;
    progress_start(&progress, "reading runs", files.count);
    for (size_t i = 0; good && i < files.count; i++) {
        char *stem = path_stem(files.names[i]);
        if (wanted == NULL || wanted(user, stem))
            good = read_file(apps, context, files.names[i], cluster, role, problem);
        free(stem);
        progress_step(&progress, 1);
    }
    progress_end(&progress);
    name_list_release(&files);
    return good;
}

static int compare_applications(const void *a, const void *b)
{
    return strcmp(((const struct application *)a)->name, ((const struct application *)b)->name);
}

void applications_sort(struct applications *apps)
{
    if (apps->count > 0)
        qsort(apps->items, apps->count, sizeof *apps->items, compare_applications);
}

void applications_release(struct applications *apps)
{
    for (size_t i = 0; i < apps->count; i++) {
        struct application *app = &apps->items[i];
        llmsched_profile_release(app->profile);
        free(app->name);
        free(app->stem);
        free(app->train.runs);
        free(app->eval.runs);
    }
    for (size_t i = 0; i < apps->history_count; i++)
        llmsched_history_release(apps->histories[i]);
    free(apps->items);
    free(apps->histories);
    *apps = (struct applications){0};
}

struct fitting {
    struct applications *apps;
    llmsched_context *context;
};

static void fit(void *user, size_t index)
{
    struct fitting *fitting = user;
    struct application *app = &fitting->apps->items[index];
    llmsched_error err = {.size = sizeof err};
    llmsched_profiler *profiler = NULL;
    if (app->train.count == 0)
        return;
    llmsched_status status =
        llmsched_profiler_create(fitting->context, app->name, NULL, NULL, &profiler, &err);
    for (size_t i = 0; status == LLMSCHED_OK && i < app->train.count; i++)
        status = llmsched_profiler_observe(profiler, app->train.runs[i], &err);
    if (status == LLMSCHED_OK)
        status = llmsched_profiler_fit(profiler, &app->profile, &err);
    if (status != LLMSCHED_OK)
        library_failed(&app->problem, app->name, &err);
    llmsched_profiler_destroy(profiler);
}

bool applications_fit(struct applications *apps, llmsched_context *context, unsigned threads,
                      struct problem *problem)
{
    struct fitting fitting = {apps, context};
    struct progress progress;
    progress_start(&progress, "fitting", apps->count);
    pool_run(apps->count, threads, fit, &fitting, &progress);
    progress_end(&progress);
    for (size_t i = 0; i < apps->count; i++)
        if (apps->items[i].problem.code != EXIT_DONE) {
            *problem = apps->items[i].problem;
            return false;
        }
    return true;
}

static char *file_of(const char *folder, const char *name)
{
    char *safe = allocate(2 * strlen(name) + 1, 1), *to = safe;
    for (; *name != '\0'; name++) {
        if (*name == '/') {
            *to++ = '_';
            *to++ = '_';
        } else {
            *to++ = (unsigned char)*name < 0x20 ? '_' : *name;
        }
    }
    char *path = format_text("%s/%s.json", folder, safe);
    free(safe);
    return path;
}

static bool save_profile(const struct application *app, const char *path, struct problem *problem)
{
    llmsched_text *text = NULL;
    llmsched_error err = {.size = sizeof err};
    struct output output;
    if (llmsched_profile_to_json(app->profile, &text, &err) != LLMSCHED_OK)
        return library_failed(problem, app->name, &err);
    bool good = output_open(&output, path, problem);
    if (good) {
        fwrite(llmsched_text_data(text), 1, llmsched_text_length(text), output.file);
        good = output_commit(&output, problem);
    }
    llmsched_text_destroy(text);
    return good;
}

bool applications_save(const struct applications *apps, const char *folder, struct problem *problem)
{
    bool good = make_folder(folder, problem);
    for (size_t i = 0; good && i < apps->count; i++) {
        if (apps->items[i].profile == NULL)
            continue;
        char *path = file_of(folder, apps->items[i].name);
        good = save_profile(&apps->items[i], path, problem);
        free(path);
    }
    return good;
}

llmsched_profile *profile_load(llmsched_context *context, const char *path, struct problem *problem)
{
    char *text;
    size_t length;
    llmsched_profile *profile = NULL;
    llmsched_error err = {.size = sizeof err};
    if (!read_document(path, &text, &length, problem))
        return NULL;
    if (llmsched_profile_from_json(context, text, length, &profile, &err) != LLMSCHED_OK)
        document_failed(problem, path, text, &err);
    free(text);
    return profile;
}

static bool load_profile(struct profile_set *set, llmsched_context *context, const char *path,
                         struct problem *problem)
{
    llmsched_profile *profile = profile_load(context, path, problem);
    if (profile == NULL)
        return false;
    if (profiles_find(set, llmsched_profile_name(profile)) != NULL) {
        bad_input(problem, "%s:1: name: expected one profile of application \"%s\"", path,
                  llmsched_profile_name(profile));
        llmsched_profile_release(profile);
        return false;
    }
    grow((void **)&set->items, &set->capacity, set->count + 1, sizeof *set->items);
    set->items[set->count++] = profile;
    return true;
}

bool profiles_load(struct profile_set *set, llmsched_context *context, const char *folder,
                   struct problem *problem)
{
    struct name_list files = {0};
    *set = (struct profile_set){0};
    bool good = list_folder(folder, ".json", &files, problem);
    for (size_t i = 0; good && i < files.count; i++)
        good = load_profile(set, context, files.names[i], problem);
    name_list_release(&files);
    if (!good)
        profiles_release(set);
    return good;
}

void profiles_release(struct profile_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        llmsched_profile_release(set->items[i]);
    free(set->items);
    *set = (struct profile_set){0};
}

const llmsched_profile *profiles_find(const struct profile_set *set, const char *app)
{
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(llmsched_profile_name(set->items[i]), app) == 0)
            return set->items[i];
    return NULL;
}
