/* SPDX-License-Identifier: Apache-2.0 */
/* The list of policies to compare. */
#include <stdlib.h>
#include <string.h>

#include "compare.h"

const char DEFAULT_POLICY[] = "gittins";

/* Names match [a-z0-9-]+, so that they can stand in file names. */
static char *name_of(const char *spec)
{
    char *name = copy_text(spec);
    for (char *c = name; *c != '\0'; c++) {
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
        else if (!(*c >= 'a' && *c <= 'z') && !(*c >= '0' && *c <= '9'))
            *c = '-';
    }
    return name;
}

static size_t find(const struct comparison *comparison, const char *name)
{
    size_t i = 0;
    while (i < comparison->contender_count && strcmp(comparison->contenders[i].name, name) != 0)
        i++;
    return i;
}

static bool add(struct comparison *comparison, const char *spec, bool again,
                llmsched_context *context, struct problem *problem)
{
    llmsched_error err = {.size = sizeof err};
    llmsched_scheduler *scheduler = NULL;
    llmsched_scheduler_options options = {.size = sizeof options, .policy = spec};
    char *name = name_of(spec);
    if (find(comparison, name) < comparison->contender_count) {
        bool good = again ? true : bad_input(problem, "--policies: expected %s once", name);
        free(name);
        return good;
    }
    if (llmsched_scheduler_create(context, &options, &scheduler, &err) != LLMSCHED_OK) {
        free(name);
        return bad_input(problem, "--policies: %s", err.message);
    }
    llmsched_scheduler_destroy(scheduler);
    comparison->contenders = realloc(comparison->contenders, (comparison->contender_count + 1) *
                                                                 sizeof *comparison->contenders);
    if (comparison->contenders == NULL)
        exit(EXIT_NO_RESULT);
    comparison->contenders[comparison->contender_count++] =
        (struct contender){.spec = copy_text(spec), .name = name};
    return true;
}

/* "all" is every built-in policy; it may stand beside variants. */
static bool add_item(struct comparison *comparison, const char *item, llmsched_context *context,
                     struct problem *problem)
{
    if (strcmp(item, "all") != 0)
        return add(comparison, item, false, context, problem);
    for (uint32_t i = 0; i < llmsched_policy_count(); i++)
        if (!add(comparison, llmsched_policy_name(i), true, context, problem))
            return false;
    return true;
}

/* The end of an item: a comma whose rest up to the next one is no further option "key=value". */
static size_t item_length(const char *list)
{
    size_t length = strcspn(list, ",");
    while (list[length] == ',') {
        const char *next = list + length + 1;
        size_t name = strcspn(next, ",:=");
        if (next[name] != '=')
            break;
        length += 1 + strcspn(next, ",");
    }
    return length;
}

bool contenders_parse(struct comparison *comparison, const char *list, llmsched_context *context,
                      struct problem *problem)
{
    while (*list != '\0') {
        size_t length = item_length(list);
        char *item = copy_text(list);
        item[length] = '\0';
        bool good = length > 0
                        ? add_item(comparison, item, context, problem)
                        : bad_input(problem, "--policies: expected a name before each comma");
        free(item);
        if (!good)
            return false;
        list += length + (list[length] == ',' ? 1 : 0);
    }
    if (!add(comparison, "fcfs", true, context, problem) ||
        !add(comparison, "oracle-srpt", true, context, problem))
        return false;
    comparison->fcfs = find(comparison, "fcfs");
    comparison->oracle = find(comparison, "oracle-srpt");
    comparison->shown = find(comparison, DEFAULT_POLICY);
    /* Without the default, the first that is no reference. */
    for (size_t i = 0; comparison->shown == comparison->contender_count; i++)
        if (i + 1 == comparison->contender_count ||
            (i != comparison->fcfs && i != comparison->oracle))
            comparison->shown = i;
    return true;
}

void contenders_release(struct comparison *comparison)
{
    for (size_t i = 0; i < comparison->contender_count; i++) {
        free(comparison->contenders[i].spec);
        free(comparison->contenders[i].name);
    }
    free(comparison->contenders);
    comparison->contenders = NULL;
    comparison->contender_count = 0;
}
