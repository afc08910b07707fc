/* SPDX-License-Identifier: Apache-2.0 */
/* Decisions: keys brought up to date, then one queue after another asked for a task. */
#include "schedule/internal.h"

#include <math.h>

/* inner: what the view said, if it was the view that failed. */
static llmsched_status callback_failed(const char *what, llmsched_status status,
                                       const llmsched_error *inner, llmsched_error *err)
{
    if (status == LLMSCHED_ERROR_MEMORY)
        return lls_fail_memory(err);
    bool told = inner->status == status;
    return lls_fail(err, LLMSCHED_ERROR_CALLBACK, "policy: %s returned %s%s%s", what,
                    llmsched_status_name(status), told ? ": " : "", told ? inner->message : "");
}

static void set_scored(lls_stage *stage, bool scored)
{
    if (stage->unscored == scored)
        stage->lane->queue->unscored += scored ? UINT32_MAX : 1;
    stage->unscored = !scored;
}

/* While all that is ready fits, its order does not matter. */
static bool spares_key(const llmsched_scheduler *s, const lls_stage *stage)
{
    return (s->policy.flags & LLMSCHED_POLICY_LAZY) != 0 && lls_queue_all_fit(stage->lane->queue);
}

static llmsched_status score_stage(llmsched_scheduler *s, lls_stage *stage, llmsched_error *err)
{
    double key = 0, until = INFINITY;
    llmsched_error inner = {.size = sizeof inner};
    llmsched_view view = {.scheduler = s, .err = &inner, .until = &until};
    bool scored = !spares_key(s, stage);
    llmsched_status status = LLMSCHED_OK;
    if (scored)
        status = s->policy.key(s->policy.user, &view, stage->job->id, stage->number, &key);
    if (status != LLMSCHED_OK)
        return callback_failed("key", status, &inner, err);
    if (isnan(key))
        return lls_fail(err, LLMSCHED_ERROR_CALLBACK, "policy: key is not a number");
    if (scored)
        status = lls_keep_score(s, stage, err);
    if (status != LLMSCHED_OK)
        return status;
    stage->key = key;
    set_scored(stage, scored);
    lls_lane_enter(stage);
    lls_lane_age(stage, until);
    return LLMSCHED_OK;
}

static llmsched_status score_job(llmsched_scheduler *s, lls_job *job, llmsched_error *err)
{
    llmsched_status status = LLMSCHED_OK;
    job->scoring++;
    for (lls_stage *head = job->heads; head != NULL && status == LLMSCHED_OK; head = head->next)
        status = score_stage(s, head, err);
    return status;
}

/* A job whose scoring fails stays on the list, so nothing is lost. */
static llmsched_status score_dirty(llmsched_scheduler *s, llmsched_error *err)
{
    while (s->dirty != NULL) {
        lls_job *job = s->dirty;
        llmsched_status status = score_job(s, job, err);
        if (status != LLMSCHED_OK)
            return status;
        lls_job_clean(s, job);
    }
    return LLMSCHED_OK;
}

/* One way through the heap: who is scored goes down, and others come up in its place, or it goes up
 * among those looked at before. */
static llmsched_status score_lane(llmsched_scheduler *s, const lls_lane *lane, llmsched_error *err)
{
    for (uint32_t i = 0; i < lane->ready.count && lane->queue->unscored > 0;) {
        lls_stage *stage = lls_ranking_at(&lane->ready, i);
        llmsched_status status = stage->unscored ? score_stage(s, stage, err) : LLMSCHED_OK;
        if (status != LLMSCHED_OK)
            return status;
        const lls_stage *here = lls_ranking_at(&lane->ready, i);
        i += !here->unscored;
    }
    return LLMSCHED_OK;
}

/* Asks for the keys that were spared, now that not all fits any more. */
static llmsched_status score_spared(llmsched_scheduler *s, const lls_queue *queue,
                                    llmsched_error *err)
{
    if (queue->unscored == 0 || lls_queue_all_fit(queue))
        return LLMSCHED_OK;
    llmsched_status status = score_lane(s, &queue->all, err);
    for (uint32_t i = 0; i < queue->lanes.count && status == LLMSCHED_OK; i++)
        status = score_lane(s, lls_ranking_at(&queue->lanes, i), err);
    return status;
}

/* Asks for the keys that have grown old. */
static llmsched_status score_aged(llmsched_scheduler *s, const lls_queue *queue,
                                  llmsched_error *err)
{
    llmsched_status status = LLMSCHED_OK;
    while (status == LLMSCHED_OK && queue->aging.count > 0 &&
           lls_ranking_least(&queue->aging) <= s->now)
        status = score_stage(s, lls_ranking_at(&queue->aging, 0), err);
    return status;
}

/* The stage to start from: the choice being carried out, a new one, or the least key. */
static llmsched_status pick(llmsched_scheduler *s, lls_queue *queue, lls_stage **ret,
                            llmsched_error *err)
{
    if (queue->chosen_tasks > 0) {
        *ret = queue->chosen;
        return LLMSCHED_OK;
    }
    lls_stage *stage = lls_ranking_at(&queue->all.ready, 0);
    uint32_t tasks = stage != NULL ? stage->ready : 0;
    if (s->policy.choose != NULL) {
        llmsched_error inner = {.size = sizeof inner};
        llmsched_view view = {.scheduler = s, .err = &inner};
        llmsched_choice choice = {.size = sizeof choice};
        llmsched_status status = s->policy.choose(s->policy.user, &view, queue->number, &choice);
        if (status == LLMSCHED_NONE)
            return LLMSCHED_NONE;
        if (status != LLMSCHED_OK)
            return callback_failed("choose", status, &inner, err);
        stage = lls_stage_find(s, choice.job, choice.stage);
        if (stage == NULL || stage->lane == NULL || stage->lane->queue != queue || !stage->listed)
            return lls_fail(err, LLMSCHED_ERROR_CALLBACK,
                            "policy: chose job %llu, stage %u, which is not ready in that queue",
                            (unsigned long long)choice.job, choice.stage);
        tasks = choice.tasks == 0 || choice.tasks > stage->ready ? stage->ready : choice.tasks;
    }
    queue->chosen = stage;
    queue->chosen_tasks = tasks;
    *ret = stage;
    return LLMSCHED_OK;
}

static lls_task *first_ready_task(lls_stage *stage)
{
    uint32_t i = stage->first_ready;
    while (stage->tasks[i].state != LLS_TASK_READY)
        i++;
    stage->first_ready = i + 1;
    if (stage->started_end <= i)
        stage->started_end = i + 1;
    return &stage->tasks[i];
}

/* The policy's place for the stage's next task; *e stays when it has none in mind. */
static llmsched_status place(llmsched_scheduler *s, const lls_stage *stage, lls_executor **e,
                             llmsched_error *err)
{
    uint64_t id = 0;
    llmsched_error inner = {.size = sizeof inner};
    llmsched_view view = {.scheduler = s, .err = &inner};
    if (s->policy.place == NULL)
        return LLMSCHED_OK;
    llmsched_status status =
        s->policy.place(s->policy.user, &view, stage->job->id, stage->number, &id);
    if (status == LLMSCHED_NONE)
        return LLMSCHED_OK;
    if (status != LLMSCHED_OK)
        return callback_failed("place", status, &inner, err);
    lls_executor *chosen = lls_executor_find(s, id);
    if (chosen == NULL || chosen->queue != stage->lane->queue->number ||
        chosen->running >= chosen->capacity)
        return lls_fail(err, LLMSCHED_ERROR_CALLBACK,
                        "policy: placed job %llu, stage %u on executor %llu, which is not one of "
                        "its queue with room",
                        (unsigned long long)stage->job->id, stage->number, (unsigned long long)id);
    *e = chosen;
    return LLMSCHED_OK;
}

static void note_start(llmsched_scheduler *s, const lls_stage *stage, const lls_executor *e)
{
    if ((s->policy.flags & (LLS_POLICY_AGING | LLS_POLICY_SHARES)) != 0)
        lls_job_touch(s, stage->job);
    if (stage->kind != LLMSCHED_STAGE_LLM)
        return;
    stage->job->waited_llm_s += s->now - stage->ready_s;
    stage->job->last_engine = e->id;
    stage->job->has_last_engine = true;
}

static void start(llmsched_scheduler *s, lls_queue *queue, lls_stage *stage, lls_executor *e,
                  llmsched_decision *decision)
{
    lls_task *task = first_ready_task(stage);
    stage->ready--;
    lls_stage_start(stage);
    lls_lane_count(stage->lane, 0, 1);
    note_start(s, stage, e);
    lls_executor_attach(s, e, task);
    if (stage->ready == 0)
        lls_ready_remove(s, stage);
    queue->chosen_tasks--;
    lls_queue_take_freed(queue, stage->job->id);
    s->decisions++;
    *decision = (llmsched_decision){.size = sizeof *decision,
                                    .stage = stage->number,
                                    .task = lls_task_number(task),
                                    .job = stage->job->id,
                                    .executor = e->id};
}

static llmsched_status ask_queue(llmsched_scheduler *s, lls_queue *queue,
                                 llmsched_decision *decision, llmsched_error *err)
{
    lls_executor *e = lls_queue_room(s, queue);
    lls_stage *stage = NULL;
    if (queue->held || e == NULL || (queue->all.ready.count == 0 && queue->lanes.count == 0))
        return LLMSCHED_NONE;
    llmsched_status status = score_spared(s, queue, err);
    if (status == LLMSCHED_OK)
        status = score_aged(s, queue, err);
    if (status == LLMSCHED_OK)
        status = pick(s, queue, &stage, err);
    if (status == LLMSCHED_NONE)
        queue->held = true;
    if (status == LLMSCHED_OK)
        status = place(s, stage, &e, err);
    if (status == LLMSCHED_OK)
        start(s, queue, stage, e, decision);
    return status;
}

llmsched_status llmsched_scheduler_next(llmsched_scheduler *s, double now,
                                        llmsched_decision *decision, llmsched_error *err)
{
    llmsched_decision made;
    if (s == NULL || decision == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "scheduler and decision must not be NULL");
    if (!isfinite(now) || now < s->now)
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "now must be finite and not before the last event");
    if (decision->size != 0 && decision->size < sizeof made)
        return lls_fail(err, LLMSCHED_ERROR_VERSION, "llmsched_decision: size %u is too small",
                        decision->size);
    s->now = now;
    llmsched_status status = score_dirty(s, err);
    if (status != LLMSCHED_OK)
        return status;
    for (uint32_t i = 0; i < s->queue_count; i++) {
        status = ask_queue(s, s->queues[i], &made, err);
        if (status != LLMSCHED_NONE)
            break;
        status = LLMSCHED_NONE;
    }
    if (s->queue_count == 0)
        status = LLMSCHED_NONE;
    if (status == LLMSCHED_OK) {
        uint32_t size = decision->size;
        *decision = made;
        decision->size = size;
    }
    return status;
}
