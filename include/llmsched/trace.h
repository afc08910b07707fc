/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file trace.h
 * Reader of run files: past runs of applications as JSON Lines, one run a line
 * (docs/schemas.md). Whoever records runs in another form fills in llmsched_run (profiler.h)
 * directly.
 */
#ifndef LLMSCHED_TRACE_H
#define LLMSCHED_TRACE_H

#include "llmsched/base.h"
#include "llmsched/profiler.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What a token costs when a request runs alone. @since 0.1 */
typedef struct llmsched_history_options {
    uint32_t size;              /**< sizeof(llmsched_history_options) */
    uint32_t reserved;          /**< 0 */
    double prefill_s_per_token; /**< 0: 0.00008 */
    double decode_s_per_token;  /**< 0: 0.0112 */
} llmsched_history_options;

/** The runs of one file; immutable, reference-counted. @since 0.1 */
typedef struct llmsched_history llmsched_history;

/**
 * Reads run files. Missing token counts and tool durations are filled in by the rules of
 * docs/simulation.md (medians over the whole text, tool durations drawn from job and stage id
 * alone), and every stage gets its alone times. Empty lines are skipped.
 * @param[in]  name     stem of the file: applications are called NAME/APP
 * @param[in]  text     @p length bytes; need not end in NUL; not kept
 * @param[in]  options  NULL for defaults
 * @param[out] history  the caller's reference; end it with llmsched_history_release()
 * @return LLMSCHED_ERROR_PARSE with line, key and what was expected: a missing or mistyped key, a
 * negative quantity, a parent that is unknown or not earlier, two stages of one id, two runs of one
 * job id in one application; LLMSCHED_ERROR_LIMIT past the context's max_stages
 * @since 0.1. Cost: O(length).
 */
LLMSCHED_API llmsched_status llmsched_history_parse(llmsched_context *context, const char *name,
                                                    const char *text, size_t length,
                                                    const llmsched_history_options *options,
                                                    llmsched_history **history,
                                                    llmsched_error *err);

/** Adds a reference; any thread. @since 0.1 */
LLMSCHED_API llmsched_history *llmsched_history_retain(const llmsched_history *history);

/** Gives a reference up; NULL is accepted; any thread. @since 0.1 */
LLMSCHED_API void llmsched_history_release(llmsched_history *history);

/** Number of runs. @since 0.1 */
LLMSCHED_API uint32_t llmsched_history_count(const llmsched_history *history);

/** A run in the order of the file; NULL past the last; lives as long as the history. @since 0.1 */
LLMSCHED_API const llmsched_run *llmsched_history_run(const llmsched_history *history,
                                                      uint32_t index);

#ifdef __cplusplus
}
#endif

#endif
