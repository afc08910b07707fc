/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads run files: JSON Lines, one run a line. Each line is parsed, checked
 * and copied before the next, so that memory beside the runs is one line's.
 */
#include "trace/internal.h"

#include <stdio.h>
#include <string.h>

/* Counts above it are no longer exact as a double once summed over a run. */
#define MOST_TOKENS UINT64_C(1000000000000)
#define MOST_SECONDS 1e12
#define MOST_TASKS UINT64_C(1000000)

void lls_draft_init(lls_draft *draft, const llmsched_context *context, const char *name)
{
    memset(draft, 0, sizeof *draft);
    draft->context = context;
    draft->name = name != NULL ? name : "";
    lls_map_init(&draft->word_numbers, context);
    lls_map_init(&draft->groups, context);
    lls_map_init(&draft->jobs, context);
}

void lls_draft_finish(lls_draft *draft)
{
    lls_map_finish(&draft->word_numbers);
    lls_map_finish(&draft->groups);
    lls_map_finish(&draft->jobs);
    lls_free(draft->context, draft->words);
    lls_free(draft->context, draft->bytes);
    lls_free(draft->context, draft->runs);
    lls_free(draft->context, draft->stages);
    lls_free(draft->context, draft->parents);
    lls_free(draft->context, draft->scratch);
}

/* Makes room for count more items of *items; limits a history to what 32 bits number. */
static llmsched_status reserve(const lls_draft *draft, void **items, uint32_t *capacity,
                               size_t used, size_t count, size_t size, llmsched_error *err)
{
    if (count > UINT32_MAX - 1 - used)
        return lls_fail(err, LLMSCHED_ERROR_LIMIT,
                        "one history holds at most 2^32 stages and bytes of names: split the file");
    return lls_grow(draft->context, items, capacity, used + count, size) ? LLMSCHED_OK
                                                                         : lls_fail_memory(err);
}

static llmsched_status intern(lls_draft *draft, const char *string, uint32_t *word,
                              llmsched_error *err)
{
    *word = lls_map_get_str(&draft->word_numbers, string);
    if (*word != LLS_NONE32)
        return LLMSCHED_OK;
    size_t bytes = strlen(string) + 1;
    llmsched_status status = reserve(draft, (void **)&draft->bytes, &draft->byte_capacity,
                                     draft->byte_count, bytes, 1, err);
    if (status == LLMSCHED_OK)
        status = reserve(draft, (void **)&draft->words, &draft->word_capacity, draft->word_count, 1,
                         sizeof *draft->words, err);
    if (status != LLMSCHED_OK)
        return status;
    if (!lls_map_put_str(&draft->word_numbers, string, draft->word_count))
        return lls_fail_memory(err);
    memcpy(draft->bytes + draft->byte_count, string, bytes);
    draft->words[draft->word_count] = (lls_trace_word){.offset = draft->byte_count};
    draft->byte_count += bytes;
    *word = draft->word_count++;
    return LLMSCHED_OK;
}

/* The application's full name: NAME/APP, or APP for a text without a name. */
static llmsched_status intern_app(lls_draft *draft, const char *app, uint32_t *word,
                                  llmsched_error *err)
{
    if (draft->name[0] == '\0')
        return intern(draft, app, word, err);
    size_t bytes = strlen(draft->name) + strlen(app) + 2;
    llmsched_status status =
        reserve(draft, (void **)&draft->scratch, &draft->scratch_capacity, 0, bytes, 1, err);
    if (status != LLMSCHED_OK)
        return status;
    snprintf(draft->scratch, bytes, "%s/%s", draft->name, app);
    return intern(draft, draft->scratch, word, err);
}

/* The number of a pair of words in a map: the one it has, or a new one. */
static llmsched_status number_pair(lls_map *map, uint32_t first, uint32_t second, uint32_t fresh,
                                   uint32_t *number, llmsched_error *err)
{
    uint64_t key = (uint64_t)first << 32 | second;
    *number = lls_map_get_u64(map, key);
    if (*number != LLS_NONE32)
        return LLMSCHED_OK;
    if (!lls_map_put_u64(map, key, fresh))
        return lls_fail_memory(err);
    *number = fresh;
    return LLMSCHED_OK;
}

static llmsched_status read_kind(const lls_json *json, const char *where, uint32_t *kind,
                                 llmsched_error *err)
{
    const char *text = NULL;
    llmsched_status status = lls_json_get_string(json, where, "kind", &text, err);
    if (status != LLMSCHED_OK)
        return status;
    if (strcmp(text, "llm") == 0)
        *kind = LLMSCHED_STAGE_LLM;
    else if (strcmp(text, "tool") == 0)
        *kind = LLMSCHED_STAGE_REGULAR;
    else
        return lls_fail(err, LLMSCHED_ERROR_PARSE, "%s.kind: expected \"llm\" or \"tool\"", where);
    return LLMSCHED_OK;
}

static llmsched_status read_tokens(const lls_json *json, const char *where, const char *key,
                                   bool *has, double *tokens, llmsched_error *err)
{
    uint64_t value = 0;
    llmsched_status status = lls_json_opt_u64(json, where, key, MOST_TOKENS, &value, err);
    *has = lls_json_member(json, key) != NULL;
    *tokens = (double)value;
    return status;
}

static llmsched_status read_amounts(lls_trace_stage *stage, const lls_json *json, const char *where,
                                    llmsched_error *err)
{
    uint64_t samples = 1;
    llmsched_status status;
    if ((status = read_tokens(json, where, "prompt_tokens", &stage->has_prompt,
                              &stage->prompt_tokens, err)) != LLMSCHED_OK ||
        (status = read_tokens(json, where, "output_tokens", &stage->has_output,
                              &stage->output_tokens, err)) != LLMSCHED_OK ||
        (status = lls_json_opt_nonnegative(json, where, "duration_s", &stage->duration_s, err)) !=
            LLMSCHED_OK ||
        (status = lls_json_opt_u64(json, where, "samples", MOST_TASKS, &samples, err)) !=
            LLMSCHED_OK)
        return status;
    if (stage->duration_s > MOST_SECONDS)
        return lls_fail(err, LLMSCHED_ERROR_PARSE, "%s.duration_s: expected at most %g seconds",
                        where, MOST_SECONDS);
    if (samples == 0)
        return lls_fail(err, LLMSCHED_ERROR_PARSE, "%s.samples: expected 1 or more", where);
    stage->has_duration = lls_json_member(json, "duration_s") != NULL;
    stage->tasks = (uint32_t)samples;
    return LLMSCHED_OK;
}

/* Parents are ids of earlier stages of the same run; run is the number being read. */
static llmsched_status read_parents(lls_draft *draft, lls_trace_stage *stage, const lls_json *json,
                                    const char *where, uint32_t run, llmsched_error *err)
{
    const lls_json *array = NULL;
    llmsched_status status = lls_json_get_array(json, where, "parents", &array, err);
    if (status != LLMSCHED_OK)
        return status;
    stage->first_parent = draft->parent_count;
    for (const lls_json *item = lls_json_first(array); item != NULL; item = lls_json_next(item)) {
        uint32_t i = stage->parent_count;
        if (lls_json_kind(item) != LLS_JSON_STRING)
            return lls_fail(err, LLMSCHED_ERROR_PARSE, "%s.parents[%u]: expected a string", where,
                            (unsigned)i);
        const char *id = lls_json_value_string(item);
        uint32_t word = lls_map_get_str(&draft->word_numbers, id);
        if (word == LLS_NONE32 || draft->words[word].run != run + 1)
            return lls_fail(err, LLMSCHED_ERROR_PARSE,
                            "%s.parents[%u]: expected the id of an earlier stage, not \"%s\"",
                            where, (unsigned)i, id);
        if (draft->words[word].child == draft->stage_count + 1)
            return lls_fail(err, LLMSCHED_ERROR_PARSE,
                            "%s.parents[%u]: expected each parent once, not \"%s\" again", where,
                            (unsigned)i, id);
        draft->words[word].child = draft->stage_count + 1;
        status = reserve(draft, (void **)&draft->parents, &draft->parent_capacity,
                         draft->parent_count, 1, sizeof *draft->parents, err);
        if (status != LLMSCHED_OK)
            return status;
        draft->parents[draft->parent_count++] = draft->words[word].stage;
        stage->parent_count++;
    }
    return LLMSCHED_OK;
}

static llmsched_status read_words(lls_draft *draft, lls_trace_stage *stage, const lls_json *json,
                                  const char *where, uint32_t app, llmsched_error *err)
{
    const char *id = NULL, *name = NULL, *model = NULL;
    llmsched_status status;
    if ((status = lls_json_get_string(json, where, "id", &id, err)) != LLMSCHED_OK ||
        (status = lls_json_get_string(json, where, "name", &name, err)) != LLMSCHED_OK)
        return status;
    /* Other kinds of stages have no model: whatever the key holds there is not ours. */
    if (stage->kind == LLMSCHED_STAGE_LLM)
        status = lls_json_opt_string(json, where, "model", &model, err);
    if (status == LLMSCHED_OK)
        status = intern(draft, id, &stage->id, err);
    if (status == LLMSCHED_OK)
        status = intern(draft, name, &stage->name, err);
    stage->model = LLS_NONE32;
    if (status == LLMSCHED_OK && model != NULL)
        status = intern(draft, model, &stage->model, err);
    if (status != LLMSCHED_OK)
        return status;
    status = number_pair(&draft->groups, app, stage->name, draft->group_count, &stage->group, err);
    if (status == LLMSCHED_OK && stage->group == draft->group_count)
        draft->group_count++;
    return status;
}

static llmsched_status read_stage(lls_draft *draft, const lls_trace_run *run, const lls_json *json,
                                  llmsched_error *err)
{
    char where[32];
    snprintf(where, sizeof where, "stages[%u]", (unsigned)run->stage_count);
    if (run->stage_count >= draft->context->max_stages)
        return lls_fail(err, LLMSCHED_ERROR_LIMIT,
                        "stages: more than the context's max_stages (%u): raise it",
                        (unsigned)draft->context->max_stages);
    lls_trace_stage stage = {0};
    llmsched_status status;
    if ((status = read_kind(json, where, &stage.kind, err)) != LLMSCHED_OK ||
        (status = read_words(draft, &stage, json, where, run->app, err)) != LLMSCHED_OK ||
        (status = read_amounts(&stage, json, where, err)) != LLMSCHED_OK ||
        (status = read_parents(draft, &stage, json, where, draft->run_count, err)) != LLMSCHED_OK)
        return status;
    lls_trace_word *word = &draft->words[stage.id];
    if (word->run == draft->run_count + 1)
        return lls_fail(err, LLMSCHED_ERROR_PARSE,
                        "%s.id: expected an id of its own, not \"%s\" again", where,
                        draft->bytes + word->offset);
    word->run = draft->run_count + 1;
    word->stage = run->stage_count;
    status = reserve(draft, (void **)&draft->stages, &draft->stage_capacity, draft->stage_count, 1,
                     sizeof *draft->stages, err);
    if (status == LLMSCHED_OK)
        draft->stages[draft->stage_count++] = stage;
    return status;
}

static llmsched_status read_header(lls_draft *draft, lls_trace_run *run, const lls_json *json,
                                   llmsched_error *err)
{
    const char *app = NULL, *job = NULL, *task = NULL;
    llmsched_status status;
    if ((status = lls_json_get_string(json, "", "app", &app, err)) != LLMSCHED_OK ||
        (status = lls_json_get_string(json, "", "job", &job, err)) != LLMSCHED_OK ||
        (status = lls_json_opt_string(json, "", "task", &task, err)) != LLMSCHED_OK ||
        (status = intern_app(draft, app, &run->app, err)) != LLMSCHED_OK ||
        (status = intern(draft, job, &run->job, err)) != LLMSCHED_OK)
        return status;
    run->task = LLS_NONE32;
    if (task != NULL && (status = intern(draft, task, &run->task, err)) != LLMSCHED_OK)
        return status;
    uint32_t number;
    status = number_pair(&draft->jobs, run->app, run->job, draft->run_count, &number, err);
    if (status == LLMSCHED_OK && number != draft->run_count)
        return lls_fail(err, LLMSCHED_ERROR_PARSE,
                        "job: expected an id of its own, not \"%s\" again in application \"%s\"",
                        draft->bytes + draft->words[run->job].offset,
                        draft->bytes + draft->words[run->app].offset);
    return status;
}

static llmsched_status read_run(lls_draft *draft, const lls_json *json, llmsched_error *err)
{
    lls_trace_run run = {.first_stage = draft->stage_count};
    const lls_json *stages = NULL;
    llmsched_status status = read_header(draft, &run, json, err);
    if (status == LLMSCHED_OK)
        status = lls_json_get_array(json, "", "stages", &stages, err);
    if (status != LLMSCHED_OK)
        return status;
    for (const lls_json *s = lls_json_first(stages); s != NULL; s = lls_json_next(s)) {
        if ((status = read_stage(draft, &run, s, err)) != LLMSCHED_OK)
            return status;
        run.stage_count++;
    }
    if (run.stage_count == 0)
        return lls_fail(err, LLMSCHED_ERROR_PARSE, "stages: expected at least one stage");
    status = reserve(draft, (void **)&draft->runs, &draft->run_capacity, draft->run_count, 1,
                     sizeof *draft->runs, err);
    if (status == LLMSCHED_OK)
        draft->runs[draft->run_count++] = run;
    return status;
}

static bool blank(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r')
            return false;
    return true;
}

/* Messages of getters know no line. */
static void set_line(llmsched_error *err, uint64_t line)
{
    if (err != NULL && err->size >= sizeof *err && err->line == 0)
        err->line = line;
}

llmsched_status lls_draft_read(lls_draft *draft, const char *text, size_t length,
                               llmsched_error *err)
{
    uint64_t line = 1;
    for (size_t start = 0; start < length; line++) {
        const char *end = memchr(text + start, '\n', length - start);
        size_t bytes = end != NULL ? (size_t)(end - (text + start)) : length - start;
        if (!blank(text + start, bytes)) {
            lls_json *json = NULL;
            llmsched_status status = lls_json_parse(text + start, bytes, line, &json, err);
            if (status == LLMSCHED_OK)
                status = read_run(draft, json, err);
            lls_json_free(json);
            if (status != LLMSCHED_OK) {
                set_line(err, line);
                return status;
            }
        }
        start += bytes + 1;
    }
    return LLMSCHED_OK;
}
