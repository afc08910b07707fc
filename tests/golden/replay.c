/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replays a recorded scenario and prints every decision:
 *
 *   replay SCENARIO.json PROFILE.json
 *
 * bindings/python/tests and bindings/go do the same; all three must print
 * scenario.decisions.txt. A task takes the seconds that its stage says; the first
 * `fails` tasks of a stage to start fail half-way and come again.
 */
#include <llmsched/llmsched.h>

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_JOBS = 32, MAX_STAGES = 32, MAX_PENDING = 64, MAX_TIMELINE = 64 };

struct job {
    const cJSON *data;
    uint64_t id;
    int over;
    uint32_t stage_count;
    uint32_t tasks_left[MAX_STAGES], fails_left[MAX_STAGES];
    unsigned char revealed[MAX_STAGES];
};

struct pending {
    double end_s;
    int fails;
    llmsched_decision decision;
};

/* What happens whatever is decided: executors, arrivals, and the listed events, by time. */
struct happening {
    double time_s;
    const char *type;
    const cJSON *data;
};

struct replay {
    llmsched_scheduler *scheduler;
    const llmsched_profile *profile;
    struct job jobs[MAX_JOBS];
    struct happening timeline[MAX_TIMELINE];
    struct pending pending[MAX_PENDING];
    uint32_t job_count, timeline_count, pending_count;
};

static llmsched_error err = {.size = sizeof err};

static llmsched_status must(llmsched_status status)
{
    if (status > LLMSCHED_NONE) {
        fprintf(stderr, "%s: %s\n", llmsched_status_name(status), err.message);
        exit(1);
    }
    return status;
}

static void must_fit(uint32_t count, uint32_t room)
{
    if (count >= room) {
        fprintf(stderr, "the scenario is larger than this program's arrays\n");
        exit(1);
    }
}

static const cJSON *get(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

static double number(const cJSON *object, const char *key)
{
    return cJSON_IsNumber(get(object, key)) ? get(object, key)->valuedouble : 0;
}

static const char *string(const cJSON *object, const char *key)
{
    return cJSON_GetStringValue(get(object, key));
}

static uint32_t kind_of(const cJSON *data)
{
    const char *kind = string(data, "kind");
    if (strcmp(kind, "llm") == 0)
        return LLMSCHED_STAGE_LLM;
    return strcmp(kind, "regular") == 0 ? LLMSCHED_STAGE_REGULAR : LLMSCHED_STAGE_DYNAMIC;
}

static void post(struct replay *r, uint32_t type, double time_s, llmsched_event event)
{
    event.size = sizeof event;
    event.type = type;
    event.time_s = time_s;
    must(llmsched_scheduler_post(r->scheduler, &event, &err));
}

/* --- jobs ------------------------------------------------------------------ */

static struct job *find_job(struct replay *r, uint64_t id)
{
    uint32_t i = 0;
    while (r->jobs[i].id != id)
        i++;
    return &r->jobs[i];
}

static const cJSON *stage_of(const struct job *job, uint32_t stage)
{
    return cJSON_GetArrayItem(get(job->data, "stages"), (int)stage);
}

/* Reveals one stage if its parents have finished. */
static void reveal_stage(struct replay *r, double now, struct job *job, uint32_t number_of_stage)
{
    const cJSON *data = stage_of(job, number_of_stage), *item;
    uint32_t parents[MAX_STAGES], count = 0;
    cJSON_ArrayForEach(item, get(data, "parents")) {
        parents[count] = (uint32_t)item->valueint;
        if (job->tasks_left[parents[count++]] > 0)
            return;
    }
    llmsched_revealed_stage info = {.size = sizeof info,
                                    .kind = kind_of(data),
                                    .name = string(data, "name"),
                                    .model = string(data, "model"),
                                    .parents = parents,
                                    .parent_count = count,
                                    .tasks = (uint32_t)number(data, "tasks"),
                                    .has_prompt = get(data, "prompt_tokens") != NULL,
                                    .prompt_tokens = number(data, "prompt_tokens")};
    if (get(data, "choice") != NULL)
        info.choice = (uint32_t)number(data, "choice") + 1;
    post(r, LLMSCHED_EVENT_STAGE_REVEALED, now,
         (llmsched_event){.job = job->id, .stage = number_of_stage, .stage_info = &info});
    job->revealed[number_of_stage] = 1;
    if (info.kind == LLMSCHED_STAGE_DYNAMIC) /* has no tasks, so it is over as it begins */
        job->tasks_left[number_of_stage] = 0;
}

static void reveal(struct replay *r, double now, struct job *job)
{
    uint32_t unfinished = 0;
    for (uint32_t i = 0; i < job->stage_count; i++) {
        if (!job->revealed[i])
            reveal_stage(r, now, job, i);
        unfinished += job->tasks_left[i] > 0;
    }
    if (unfinished == 0) {
        post(r, LLMSCHED_EVENT_JOB_FINISHED, now, (llmsched_event){.job = job->id});
        job->over = 1;
    }
}

static llmsched_job job_info(const cJSON *data, const llmsched_profile *profile)
{
    return (llmsched_job){.size = sizeof(llmsched_job),
                          .profile = cJSON_IsTrue(get(data, "profile")) ? profile : NULL,
                          .given_mean_s = number(data, "given_mean_s"),
                          .tenant = (uint64_t)number(data, "tenant"),
                          .weight = number(data, "weight")};
}

static void arrive(struct replay *r, double now, const cJSON *data)
{
    struct job *job = find_job(r, (uint64_t)number(data, "id"));
    llmsched_job info = job_info(data, r->profile);
    post(r, LLMSCHED_EVENT_JOB_ARRIVED, now, (llmsched_event){.job = job->id, .job_info = &info});
    reveal(r, now, job);
}

/* --- what happens ------------------------------------------------------------ */

static void executor(struct replay *r, double now, uint32_t type, uint64_t id, const cJSON *data)
{
    double batch[8], slowdown[8];
    uint32_t count = 0;
    const cJSON *point;
    cJSON_ArrayForEach(point, get(data, "curve")) {
        batch[count] = cJSON_GetArrayItem(point, 0)->valuedouble;
        slowdown[count++] = cJSON_GetArrayItem(point, 1)->valuedouble;
    }
    llmsched_executor info = {.size = sizeof info,
                              .kind = kind_of(data),
                              .model = string(data, "model"),
                              .capacity = (uint32_t)number(data, "capacity"),
                              .curve_count = count,
                              .curve_batch = batch,
                              .curve_slowdown = slowdown,
                              .price = number(data, "price")};
    post(r, type, now, (llmsched_event){.executor = id, .executor_info = &info});
}

static void drop_pending(struct replay *r, int by_job, uint64_t id)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < r->pending_count; i++) {
        const llmsched_decision *d = &r->pending[i].decision;
        if ((by_job ? d->job : d->executor) != id)
            r->pending[kept++] = r->pending[i];
    }
    r->pending_count = kept;
}

static void happen(struct replay *r, const struct happening *h)
{
    uint64_t job = (uint64_t)number(h->data, "job"), id = (uint64_t)number(h->data, "executor");
    if (strcmp(h->type, "arrival") == 0) {
        arrive(r, h->time_s, h->data);
    } else if (strcmp(h->type, "executor") == 0) {
        executor(r, h->time_s, LLMSCHED_EVENT_EXECUTOR_UP, (uint64_t)number(h->data, "id"),
                 h->data);
    } else if (strcmp(h->type, "executor_up") == 0) {
        executor(r, h->time_s, LLMSCHED_EVENT_EXECUTOR_UP, id, h->data);
    } else if (strcmp(h->type, "executor_changed") == 0) {
        executor(r, h->time_s, LLMSCHED_EVENT_EXECUTOR_CHANGED, id, h->data);
    } else if (strcmp(h->type, "executor_down") == 0) {
        drop_pending(r, 0, id);
        post(r, LLMSCHED_EVENT_EXECUTOR_DOWN, h->time_s, (llmsched_event){.executor = id});
    } else if (find_job(r, job)->over) {
        return;
    } else if (strcmp(h->type, "job_cancelled") == 0) {
        drop_pending(r, 1, job);
        post(r, LLMSCHED_EVENT_JOB_CANCELLED, h->time_s, (llmsched_event){.job = job});
        find_job(r, job)->over = 1;
    } else if (strcmp(h->type, "job_changed") == 0) {
        llmsched_job info = job_info(h->data, NULL);
        post(r, LLMSCHED_EVENT_JOB_CHANGED, h->time_s,
             (llmsched_event){.job = job, .job_info = &info});
    }
}

static void end(struct replay *r, const struct pending *p)
{
    const llmsched_decision *d = &p->decision;
    struct job *job = find_job(r, d->job);
    const cJSON *data = stage_of(job, d->stage);
    llmsched_event event = {.job = d->job, .stage = d->stage, .task = d->task};
    if (p->fails) {
        post(r, LLMSCHED_EVENT_TASK_FAILED, p->end_s, event);
        return;
    }
    if (kind_of(data) == LLMSCHED_STAGE_REGULAR) { /* engines batch: the library works theirs out */
        event.flags = LLMSCHED_EVENT_HAS_ALONE;
        event.alone_s = number(data, "seconds");
    }
    if (get(data, "output_tokens") != NULL) {
        event.flags |= LLMSCHED_EVENT_HAS_OUTPUT;
        event.output_tokens = number(data, "output_tokens");
    }
    post(r, LLMSCHED_EVENT_TASK_FINISHED, p->end_s, event);
    if (--job->tasks_left[d->stage] == 0)
        reveal(r, p->end_s, job);
}

/* --- the loop ------------------------------------------------------------------ */

static int before(const struct pending *a, const struct pending *b)
{
    if (a->end_s != b->end_s)
        return a->end_s < b->end_s;
    if (a->decision.job != b->decision.job)
        return a->decision.job < b->decision.job;
    if (a->decision.stage != b->decision.stage)
        return a->decision.stage < b->decision.stage;
    return a->decision.task < b->decision.task;
}

static uint32_t first_pending(const struct replay *r)
{
    uint32_t first = 0;
    for (uint32_t i = 1; i < r->pending_count; i++)
        if (before(&r->pending[i], &r->pending[first]))
            first = i;
    return first;
}

static void take_decisions(struct replay *r, double now)
{
    llmsched_decision d = {.size = sizeof d};
    while (must(llmsched_scheduler_next(r->scheduler, now, &d, &err)) == LLMSCHED_OK) {
        struct job *job = find_job(r, d.job);
        double seconds = number(stage_of(job, d.stage), "seconds");
        int fails = job->fails_left[d.stage] > 0;
        job->fails_left[d.stage] -= (uint32_t)fails;
        must_fit(r->pending_count, MAX_PENDING);
        r->pending[r->pending_count++] = (struct pending){
            .end_s = now + (fails ? seconds / 2 : seconds), .fails = fails, .decision = d};
        printf("%10.4f  job %d stage %u task %u -> executor %d\n", now, (int)d.job, d.stage, d.task,
               (int)d.executor);
    }
}

/* One instant at a time: first what ended, then what happened, then decisions. */
static double run(struct replay *r)
{
    double now = 0;
    for (uint32_t next = 0; next < r->timeline_count || r->pending_count > 0;) {
        now = next < r->timeline_count ? r->timeline[next].time_s : INFINITY;
        if (r->pending_count > 0)
            now = fmin(now, r->pending[first_pending(r)].end_s);
        while (r->pending_count > 0 && r->pending[first_pending(r)].end_s == now) {
            uint32_t first = first_pending(r);
            struct pending ended = r->pending[first];
            r->pending[first] = r->pending[--r->pending_count];
            end(r, &ended);
        }
        while (next < r->timeline_count && r->timeline[next].time_s == now)
            happen(r, &r->timeline[next++]);
        take_decisions(r, now);
    }
    return now;
}

/* --- reading --------------------------------------------------------------------- */

static void add_happening(struct replay *r, double time_s, const char *type, const cJSON *data)
{
    uint32_t i = r->timeline_count++;
    must_fit(i, MAX_TIMELINE);
    for (; i > 0 && r->timeline[i - 1].time_s > time_s; i--)
        r->timeline[i] = r->timeline[i - 1];
    r->timeline[i] = (struct happening){.time_s = time_s, .type = type, .data = data};
}

static void add_job(struct replay *r, const cJSON *data)
{
    must_fit(r->job_count, MAX_JOBS);
    struct job *job = &r->jobs[r->job_count++];
    const cJSON *stage;
    job->data = data;
    job->id = (uint64_t)number(data, "id");
    cJSON_ArrayForEach(stage, get(data, "stages")) {
        must_fit(job->stage_count, MAX_STAGES);
        job->tasks_left[job->stage_count] =
            get(stage, "tasks") ? (uint32_t)number(stage, "tasks") : 1;
        job->fails_left[job->stage_count++] = (uint32_t)number(stage, "fails");
    }
    add_happening(r, number(data, "arrival_s"), "arrival", data);
}

static void replay(llmsched_context *context, const llmsched_profile *profile,
                   const cJSON *scenario, const char *policy)
{
    static struct replay r;
    const cJSON *item;
    memset(&r, 0, sizeof r);
    r.profile = profile;
    cJSON_ArrayForEach(item, get(scenario, "executors"))
        add_happening(&r, 0, "executor", item);
    cJSON_ArrayForEach(item, get(scenario, "jobs"))
        add_job(&r, item);
    cJSON_ArrayForEach(item, get(scenario, "events"))
        add_happening(&r, number(item, "time_s"), string(item, "type"), item);

    llmsched_scheduler_options options = {
        .size = sizeof options, .policy = policy, .seed = (uint64_t)number(scenario, "seed")};
    must(llmsched_scheduler_create(context, &options, &r.scheduler, &err));
    printf("policy %s\n", policy);
    double end_s = run(&r);
    llmsched_scheduler_stats stats = {.size = sizeof stats};
    must(llmsched_scheduler_get_stats(r.scheduler, &stats, &err));
    printf("%10.4f  the end: %d decisions, %u jobs left\n", end_s, (int)stats.decisions,
           stats.jobs);
    llmsched_scheduler_destroy(r.scheduler);
}

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0)
        exit(1);
    long length = ftell(file);
    char *text = calloc((size_t)length + 1, 1);
    rewind(file);
    if (text == NULL || fread(text, 1, (size_t)length, file) != (size_t)length)
        exit(1);
    fclose(file);
    return text;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    char *text = read_file(argv[1]), *profile_text = read_file(argv[2]);
    cJSON *scenario = cJSON_Parse(text);
    llmsched_context *context;
    llmsched_profile *profile;
    const cJSON *policy;
    must(llmsched_context_create(NULL, &context, &err));
    must(llmsched_profile_from_json(context, profile_text, strlen(profile_text), &profile, &err));
    cJSON_ArrayForEach(policy, get(scenario, "policies"))
        replay(context, profile, scenario, policy->valuestring);
    llmsched_profile_release(profile);
    llmsched_context_destroy(context);
    cJSON_Delete(scenario);
    free(profile_text);
    free(text);
    return 0;
}
