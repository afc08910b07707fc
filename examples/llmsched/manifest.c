/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_NAME = 40 };

/* As DNS labels are: RFC 1123. */
static char *make_name(const char *text)
{
    char name[MOST_NAME + 1];
    size_t used = 0;
    for (; *text != '\0' && used < MOST_NAME; text++) {
        char c = (char)tolower((unsigned char)*text);
        bool good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (good)
            name[used++] = c;
        else if (used > 0 && name[used - 1] != '-')
            name[used++] = '-';
    }
    while (used > 0 && name[used - 1] == '-')
        used--;
    name[used] = '\0';
    /* Services' names begin with a letter. */
    bool letter = name[0] >= 'a' && name[0] <= 'z';
    return letter ? copy_text(name) : format_text("m%s%s", used > 0 ? "-" : "", name);
}

char **manifest_names(const struct placement *p)
{
    char **names = allocate(p->info.model_count, sizeof *names);
    struct arena arena = {0};
    struct words taken = {.arena = &arena};
    for (uint32_t m = 0; m < p->info.model_count; m++) {
        char *base = make_name(p->models[m].model);
        names[m] = copy_text(base);
        for (uint32_t n = 2; intern(&taken, names[m])->is_job; n++) {
            free(names[m]);
            names[m] = format_text("%s-%u", base, n);
        }
        intern(&taken, names[m])->is_job = true;
        free(base);
    }
    words_release(&taken);
    arena_release(&arena);
    return names;
}

void manifest_names_release(const struct placement *p, char **names)
{
    for (uint32_t m = 0; m < p->info.model_count; m++)
        free(names[m]);
    free(names);
}

bool has_several_kinds(const struct placement *p)
{
    for (uint32_t g = 1; g < p->info.gpu_count; g++)
        if (strcmp(p->gpus[g].kind, p->gpus[0].kind) != 0)
            return true;
    return false;
}

bool check_whole(const struct placement *p, const char *why)
{
    for (uint32_t i = 0; i < p->info.replica_count; i++) {
        const llmsched_plan_model *m = &p->models[p->replicas[i].model];
        if (m->share < 1.0)
            return cannot_express(p, "model %.100s has a share of %.4g, and %s", m->model, m->share,
                                  why);
        if (!replica_is_alone(p, i))
            return cannot_express(p, "model %.100s shares a GPU with another replica, and %s",
                                  m->model, why);
    }
    return true;
}
