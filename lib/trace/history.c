/* SPDX-License-Identifier: Apache-2.0 */
/*
 * llmsched_history: the runs of one file, laid out in four blocks that never
 * move, so that everything can point into them.
 */
#include "trace/internal.h"

#include <math.h>
#include <string.h>

static const double DEFAULT_PREFILL_S = 0.00008;
static const double DEFAULT_DECODE_S = 0.0112;
static const double MOST_S_PER_TOKEN = 1e6;

struct llmsched_history {
    atomic_uint_fast32_t references;
    llmsched_context *context;
    uint32_t run_count;
    llmsched_run *runs;
    llmsched_run_stage *stages;
    uint32_t *parents;
    char *bytes;
};

llmsched_history *llmsched_history_retain(const llmsched_history *history)
{
    llmsched_history *h = (llmsched_history *)history;
    if (h != NULL)
        atomic_fetch_add_explicit(&h->references, 1, memory_order_relaxed);
    return h;
}

void llmsched_history_release(llmsched_history *history)
{
    if (history == NULL ||
        atomic_fetch_sub_explicit(&history->references, 1, memory_order_acq_rel) != 1)
        return;
    llmsched_context *context = history->context;
    lls_free(context, history->runs);
    lls_free(context, history->stages);
    lls_free(context, history->parents);
    lls_free(context, history->bytes);
    lls_free(context, history);
    lls_context_release(context);
}

uint32_t llmsched_history_count(const llmsched_history *history)
{
    return history != NULL ? history->run_count : 0;
}

const llmsched_run *llmsched_history_run(const llmsched_history *history, uint32_t index)
{
    return history != NULL && index < history->run_count ? &history->runs[index] : NULL;
}

static llmsched_status check_options(const llmsched_history_options *given,
                                     llmsched_history_options *options, llmsched_error *err)
{
    llmsched_status status = lls_sized_in(options, sizeof *options, given, sizeof *options,
                                          "llmsched_history_options", err);
    if (status != LLMSCHED_OK)
        return status;
    const double costs[] = {options->prefill_s_per_token, options->decode_s_per_token};
    static const char *const names[] = {"prefill_s_per_token", "decode_s_per_token"};
    for (size_t i = 0; i < LLS_COUNT(costs); i++)
        if (!(costs[i] >= 0.0 && costs[i] <= MOST_S_PER_TOKEN))
            return lls_fail(err, LLMSCHED_ERROR_INVALID, "options: %s must be in 0 .. %g", names[i],
                            MOST_S_PER_TOKEN);
    if (options->prefill_s_per_token == 0.0)
        options->prefill_s_per_token = DEFAULT_PREFILL_S;
    if (options->decode_s_per_token == 0.0)
        options->decode_s_per_token = DEFAULT_DECODE_S;
    return LLMSCHED_OK;
}

static const char *word(const llmsched_history *history, const lls_draft *draft, uint32_t number)
{
    return number == LLS_NONE32 ? NULL : history->bytes + draft->words[number].offset;
}

static void lay_out_stage(llmsched_history *history, const lls_draft *draft, size_t index,
                          const llmsched_history_options *options)
{
    const lls_trace_stage *from = &draft->stages[index];
    llmsched_run_stage *to = &history->stages[index];
    *to = (llmsched_run_stage){
        .size = sizeof *to,
        .kind = from->kind,
        .id = word(history, draft, from->id),
        .name = word(history, draft, from->name),
        .model = word(history, draft, from->model),
        .parents = from->parent_count > 0 ? history->parents + from->first_parent : NULL,
        .parent_count = from->parent_count,
        .tasks = from->tasks,
        .prompt_tokens = from->prompt_tokens,
        .output_tokens = from->output_tokens,
    };
    lls_alone_times(to, from->duration_s, options->prefill_s_per_token,
                    options->decode_s_per_token);
}

/* Takes the draft's names and parents over; nothing here can fail. */
static void lay_out(llmsched_history *history, lls_draft *draft,
                    const llmsched_history_options *options)
{
    history->bytes = draft->bytes;
    history->parents = draft->parents;
    draft->bytes = NULL;
    draft->parents = NULL;
    for (size_t i = 0; i < draft->stage_count; i++)
        lay_out_stage(history, draft, i, options);
    for (uint32_t r = 0; r < draft->run_count; r++) {
        const lls_trace_run *from = &draft->runs[r];
        history->runs[r] = (llmsched_run){
            .size = sizeof(llmsched_run),
            .stage_count = from->stage_count,
            .app = word(history, draft, from->app),
            .job = word(history, draft, from->job),
            .task = word(history, draft, from->task),
            .stages = history->stages + from->first_stage,
        };
    }
    history->run_count = draft->run_count;
}

static llmsched_status make_history(llmsched_context *context, lls_draft *draft,
                                    const llmsched_history_options *options,
                                    llmsched_history **history, llmsched_error *err)
{
    llmsched_history *made = lls_calloc(context, 1, sizeof *made);
    if (made == NULL)
        return lls_fail_memory(err);
    atomic_init(&made->references, 1);
    made->context = lls_context_retain(context);
    made->runs = lls_calloc(context, draft->run_count, sizeof *made->runs);
    made->stages = lls_calloc(context, draft->stage_count, sizeof *made->stages);
    if (made->runs == NULL || made->stages == NULL) {
        llmsched_history_release(made);
        return lls_fail_memory(err);
    }
    lay_out(made, draft, options);
    *history = made;
    return LLMSCHED_OK;
}

llmsched_status llmsched_history_parse(llmsched_context *context, const char *name,
                                       const char *text, size_t length,
                                       const llmsched_history_options *options,
                                       llmsched_history **history, llmsched_error *err)
{
    llmsched_history_options checked;
    if (context == NULL || history == NULL || (text == NULL && length > 0))
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "llmsched_history_parse: context, text and history must not be NULL");
    llmsched_status status = check_options(options, &checked, err);
    if (status != LLMSCHED_OK)
        return status;
    lls_draft draft;
    lls_draft_init(&draft, context, name);
    status = lls_draft_read(&draft, text, length, err);
    if (status == LLMSCHED_OK)
        status = lls_draft_impute(&draft, err);
    if (status == LLMSCHED_OK)
        status = make_history(context, &draft, &checked, history, err);
    lls_draft_finish(&draft);
    return status;
}
