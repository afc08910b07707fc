/* SPDX-License-Identifier: Apache-2.0 */
/* Past runs by application, and the profiles fitted to them. */
#ifndef PROFILES_H
#define PROFILES_H

#include "cluster.h"
#include "io.h"
#include "options.h"
#include "program.h"

struct run_list {
    const llmsched_run **runs;
    size_t count, capacity;
};

/* An application: one app value of one run file, FILESTEM/APP. */
struct application {
    char *name;
    char *stem; /* of its file */
    struct run_list train, eval;
    llmsched_profile *profile;
    struct problem problem; /* of its fitting */
};

struct applications {
    struct application *items; /* in byte order of the names once sorted */
    size_t count, capacity;
    llmsched_history **histories;
    size_t history_count, history_capacity;
};

/* Which of an application's runs a file's runs become. */
enum run_role { ROLE_TRAIN, ROLE_EVAL, ROLE_SPLIT };

/* Reads files, and of folders their *.jsonl. wanted (may be NULL) tells by its stem whether a file
 * is read. cluster (may be NULL) sets what tokens cost. */
bool applications_read(struct applications *apps, llmsched_context *context,
                       const struct values *paths, const struct cluster *cluster,
                       bool (*wanted)(const void *user, const char *stem), const void *user,
                       enum run_role role, struct problem *problem);
void applications_sort(struct applications *apps);
void applications_release(struct applications *apps);

/* Fits a profile to each application's training runs; those without any are left without. */
bool applications_fit(struct applications *apps, llmsched_context *context, unsigned threads,
                      struct problem *problem);

/* Writes each profile to FOLDER/NAME.json, '/' in names becoming "__". */
bool applications_save(const struct applications *apps, const char *folder,
                       struct problem *problem);

/* Reads one; NULL: a problem. */
llmsched_profile *profile_load(llmsched_context *context, const char *path,
                               struct problem *problem);

/* Profiles read from a folder. */
struct profile_set {
    llmsched_profile **items;
    size_t count, capacity;
};
bool profiles_load(struct profile_set *set, llmsched_context *context, const char *folder,
                   struct problem *problem);
void profiles_release(struct profile_set *set);
/* NULL: none of that name. */
const llmsched_profile *profiles_find(const struct profile_set *set, const char *app);

#endif
