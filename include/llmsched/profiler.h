/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file profiler.h
 * The profiler: past runs in, a profile out. A profile is an application's
 * template together with the Bayesian network fitted to its runs (LLMSched paper, Bayesian
 * network-based profiler; docs/algorithms.md section 2).
 *
 * Variables of the network, in the template's topological order: for each
 * LLM or regular stage its work class (ABSENT, bin 1 .. K of the alone-seconds over its tasks); for
 * each LLM stage before it a class of its prompt tokens, known once the stage is revealed; for each
 * dynamic stage the candidate chosen.
 */
#ifndef LLMSCHED_PROFILER_H
#define LLMSCHED_PROFILER_H

#include "llmsched/base.h"
#include "llmsched/dag.h"
#include "llmsched/network.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What is not known of a stage of a past run; its families count the runs that show all of them.
 * @since 0.1 */
enum {
    LLMSCHED_MISSING_WORK = 1,   /**< work_s and span_s are not looked at */
    LLMSCHED_MISSING_PROMPT = 2, /**< prompt_tokens is not looked at */
    LLMSCHED_MISSING_CHOICE = 4, /**< choice is not looked at */
    LLMSCHED_MISSING_ALL = 7     /**< nothing but that it came */
};

/**
 * One stage of a past run. All elements of an array carry the same `size`,
 * which is also the distance between them.
 * @since 0.1
 */
typedef struct llmsched_run_stage {
    uint32_t size;           /**< sizeof(llmsched_run_stage) */
    uint32_t kind;           /**< LLMSCHED_STAGE_* */
    const char *id;          /**< unique in the run; NULL where nobody needs it */
    const char *name;        /**< what the stage does */
    const char *model;       /**< LLM stages; may be NULL */
    const uint32_t *parents; /**< numbers of earlier stages of the run */
    uint32_t parent_count;   /**< number of parents */
    uint32_t tasks;          /**< parallel tasks; 0: 1 */
    uint32_t choice;         /**< dynamic stages: the candidate chosen plus 1; 0: not known */
    uint32_t missing;        /**< sum of LLMSCHED_MISSING_* */
    double prompt_tokens;    /**< over all tasks; known as soon as the stage is ready */
    double output_tokens;    /**< over all tasks */
    double work_s;           /**< sum of the tasks' alone times (batch size 1, empty machine) */
    double span_s;           /**< alone time of the longest task; 0: work_s / tasks */
} llmsched_run_stage;

/** One past run of an application. @since 0.1 */
typedef struct llmsched_run {
    uint32_t size;        /**< sizeof(llmsched_run) */
    uint32_t stage_count; /**< at least 1 */
    const char *app;      /**< application */
    const char *job;      /**< id of the run; may be NULL */
    const char *task;     /**< id of its input: runs of one task share it; may be NULL */
    const llmsched_run_stage *stages; /**< in topological order: parents first */
    uint32_t truncated; /**< 1: cut short; what it does not show may have come, and whatever still
                             ran is to be marked as missing its work */
    uint32_t reserved;  /**< 0 */
} llmsched_run;

/** Collects the runs of one application; mutable. @since 0.1 */
typedef struct llmsched_profiler llmsched_profiler;

/** Template and fitted network of one application; immutable, reference-counted. @since 0.1 */
typedef struct llmsched_profile llmsched_profile;

/** How a profile is fitted. @since 0.1 */
typedef struct llmsched_profiler_options {
    uint32_t size;          /**< sizeof(llmsched_profiler_options) */
    uint32_t bins;          /**< most work bins of a stage, 1 .. 64; 0: 6 */
    uint32_t max_parents;   /**< most parents of a variable, 1 .. 8; 0: 2 */
    uint32_t max_stages;    /**< most stages of an induced template; what lies beyond is kept as one
                                 aggregate stage per kind; 0: 40 */
    uint32_t score;         /**< LLMSCHED_SCORE_* of network.h; 0: BIC */
    uint32_t no_prompts;    /**< 1: no variables for prompt tokens; no tree looks at them */
    double equivalent_size; /**< BDeu's equivalent sample size; 0: 10 */
    double prior;           /**< Dirichlet weight of a parent configuration; 0: 1 */
    double common; /**< share of runs that must show a stage name for it to be a class of its own in
                      an induced template; rarer names count as one; 0: 0.2 */
    uint64_t max_clique; /**< width guard: entries of the largest clique table; 0: 20000 */
    double half_life;    /**< after so many more runs a run weighs half as much, in all that is
                              counted and learned; 0: runs do not fade */
    uint64_t keep_runs;  /**< most runs kept for the next fit, the newest; beyond it only those
                              not yet counted are kept. 0: all */
} llmsched_profiler_options;

/**
 * Makes a profiler.
 * @param[in]  name     of the application
 * @param[in]  dag      its template, shared; NULL: the template is induced from the runs: a run's
 * stages are told apart by kind, name, and which stage of that kind and name they are in the order
 * in which they are revealed, were every stage to start as soon as it is ready
 * @param[in]  options  NULL for defaults
 * @param[out] profiler end it with llmsched_profiler_destroy()
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_profiler_create(llmsched_context *context, const char *name,
                                                      llmsched_dag *dag,
                                                      const llmsched_profiler_options *options,
                                                      llmsched_profiler **profiler,
                                                      llmsched_error *err);

/** Ends a profiler; NULL is accepted. @since 0.1 */
LLMSCHED_API void llmsched_profiler_destroy(llmsched_profiler *profiler);

/**
 * Adds one run; everything is copied. With a template given, stages that it does not have are
 * counted in no variable.
 * @return LLMSCHED_ERROR_INVALID for a stage of unknown kind, a parent that is not earlier, or a
 * quantity that is negative or not finite
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_profiler_observe(llmsched_profiler *profiler,
                                                       const llmsched_run *run,
                                                       llmsched_error *err);

/** Number of runs observed, whether or not they are still kept. @since 0.1 */
LLMSCHED_API uint64_t llmsched_profiler_run_count(const llmsched_profiler *profiler);

/**
 * Fits a profile to the runs seen so far; the profiler can go on observing, jobs keep the profile
 * they have.
 * @param[out] profile  the caller's reference; end it with llmsched_profile_release()
 * @return LLMSCHED_ERROR_STATE without a run
 * @since 0.1. Cost: O(runs * variables^max_parents) at most.
 */
LLMSCHED_API llmsched_status llmsched_profiler_fit(llmsched_profiler *profiler,
                                                   llmsched_profile **profile, llmsched_error *err);

/**
 * A profile of the runs so far that keeps the template, cuts and structure of the last fit: only
 * the runs since then, or since the last refit, are counted. Costs O(new runs * variables) and the
 * size of a profile, however many runs there were before. What is counted is what a fit would count
 * with the same template, cuts and structure; quantiles of remainders are exact up to 1024
 * different values, else within about a hundredth. Trees (quantifier.h) stay those of the last fit.
 * The first call is a fit. Fit anew when stages of new names have come, when much of the work falls into a stage's
 * first or last bin, or when the runs have doubled since the last fit; what was kept of older runs
 * is all that a fit sees.
 * @param[out] profile  the caller's reference; end it with llmsched_profile_release()
 * @return LLMSCHED_ERROR_STATE without a run
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_profiler_refit(llmsched_profiler *profiler,
                                                     llmsched_profile **profile,
                                                     llmsched_error *err);

/** Adds a reference; any thread. @since 0.1 */
LLMSCHED_API llmsched_profile *llmsched_profile_retain(const llmsched_profile *profile);

/** Gives a reference up; NULL is accepted; any thread. @since 0.1 */
LLMSCHED_API void llmsched_profile_release(llmsched_profile *profile);

/** Name of the application. @since 0.1 */
LLMSCHED_API const char *llmsched_profile_name(const llmsched_profile *profile);

/** Its template; lives as long as the profile. @since 0.1 */
LLMSCHED_API const llmsched_dag *llmsched_profile_dag(const llmsched_profile *profile);

/** Its network; lives as long as the profile. @since 0.1 */
LLMSCHED_API const llmsched_network *llmsched_profile_network(const llmsched_profile *profile);

/** What the runs of a profile did on average. @since 0.1 */
typedef struct llmsched_profile_summary {
    uint32_t size;            /**< sizeof(llmsched_profile_summary) */
    uint32_t stage_count;     /**< stages of the template */
    uint64_t run_count;       /**< runs it was fitted to */
    double mean_llm_s;        /**< mean LLM alone-seconds of a run */
    double mean_tool_s;       /**< mean tool seconds of a run */
    double log_likelihood;    /**< of the runs under the network, natural logarithm */
    double mean_llm_stage_s;  /**< mean alone-seconds of an LLM stage */
    double mean_tool_stage_s; /**< mean seconds of a tool stage */
} llmsched_profile_summary;

/** Reads the summary. @param[in,out] summary  `size` set by the caller @since 0.1 */
LLMSCHED_API llmsched_status llmsched_profile_get_summary(const llmsched_profile *profile,
                                                          llmsched_profile_summary *summary,
                                                          llmsched_error *err);

/**
 * Which class a stage belongs to as it is revealed: that of its kind and name, else the one of rare
 * names; LLMSCHED_INDEX_NONE for neither. The k-th revealed stage of a class is the template's
 * stage llmsched_profile_find(profile, kind, class, k), k from 0. Whoever keeps a job's evidence
 * counts its revealed stages per class. @since 0.1
 */
LLMSCHED_API uint32_t llmsched_profile_class(const llmsched_profile *profile, uint32_t kind,
                                             const char *name);

/** Number of classes. @since 0.1 */
LLMSCHED_API uint32_t llmsched_profile_class_count(const llmsched_profile *profile);

/**
 * Template stage of a class's stage with this occurrence; past the last, or for
 * LLMSCHED_INDEX_NONE as the class, the kind's aggregate stage; LLMSCHED_INDEX_NONE without one.
 * @since 0.1
 */
LLMSCHED_API uint32_t llmsched_profile_find(const llmsched_profile *profile, uint32_t kind,
                                            uint32_t class_number, uint32_t occurrence);

/** Work that remained of past runs. @since 0.1 */
typedef struct llmsched_remainder {
    uint32_t size;     /**< sizeof(llmsched_remainder) */
    uint32_t reserved; /**< 0 */
    double mean_s;     /**< mean alone-seconds */
    double q10_s;      /**< tenth percentile */
    double q50_s;      /**< median */
    double q90_s;      /**< ninetieth percentile */
} llmsched_remainder;

/**
 * What remained on average after as many ended stages, over the runs that had so many, each
 * replayed alone with unlimited places: a prediction by history alone.
 * @param[in]     kind       LLMSCHED_STAGE_LLM or LLMSCHED_STAGE_REGULAR
 * @param[in]     ended      stages that have ended; past the longest run: as after its end
 * @param[in,out] remainder  `size` set by the caller
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_profile_get_remainder(const llmsched_profile *profile,
                                                            uint32_t kind, uint32_t ended,
                                                            llmsched_remainder *remainder,
                                                            llmsched_error *err);

/**
 * What the runs of a profile ask of one model. A call is a task of an LLM stage. Times are those of
 * runs each replayed alone with unlimited places, so that calls / overlap * work_s is the time in
 * which a run keeps the model busy. @since 0.1
 */
typedef struct llmsched_profile_call {
    uint32_t size;         /**< sizeof(llmsched_profile_call) */
    uint32_t reserved;     /**< 0 */
    const char *model;     /**< lives as long as the profile; NULL: of stages that name none */
    double calls;          /**< mean number in a run, over all runs; positive */
    double overlap;        /**< mean number at once while any runs, at least 1: the sum of their
                                alone-seconds over the seconds in which at least one runs, each
                                summed over the runs */
    double group;          /**< how many come at the same time, itself among them, mean over the
                                calls: with groups of g calls, sum of g^2 / sum of g */
    double prompt_tokens;  /**< mean of a call */
    double output_tokens;  /**< mean of a call */
    double context_tokens; /**< mean context of an output token: of a call with n prompt and k
                                output tokens n + k/2, weighted by k; the plain mean where nothing
                                is written */
    double work_s;         /**< mean alone-seconds of a call */
} llmsched_profile_call;

/**
 * Number of models that the runs call. Left out are those called less than once in a million runs,
 * as when all runs that call them have faded; 0 for a profile that was kept without its calls.
 * @since 0.1
 */
LLMSCHED_API uint32_t llmsched_profile_call_count(const llmsched_profile *profile);

/**
 * What the runs ask of a model, in the byte order of the models' names. Means are those of the runs
 * not cut short, and of those calls of which it is known; only where these say nothing of a model,
 * of all runs. The overlap is that of runs that tell all their work where there are any; else what
 * is missing takes no time.
 * @param[in,out] call  `size` set by the caller
 * @return LLMSCHED_ERROR_NOT_FOUND past the last
 * @since 0.1. Source: the aggregate pipeline of Scepsy (Wagenlaender et al. 2026);
 * docs/algorithms.md section 2.
 */
LLMSCHED_API llmsched_status llmsched_profile_get_call(const llmsched_profile *profile,
                                                       uint32_t index, llmsched_profile_call *call,
                                                       llmsched_error *err);

/** What a profile knows of one stage. @since 0.1 */
typedef struct llmsched_profile_stage {
    uint32_t size; /**< sizeof(llmsched_profile_stage) */
    uint32_t
        bin_count; /**< work bins; state 0 of the work variable is ABSENT, state b is bin b - 1 */
    uint32_t work_node;   /**< node of the work (or choice) variable; LLMSCHED_INDEX_NONE: none */
    uint32_t prompt_node; /**< node of the prompt variable; LLMSCHED_INDEX_NONE: none */
    uint32_t aggregate;   /**< 1: stands for all stages of its kind beyond max_stages */
    uint32_t reserved;    /**< 0 */
    double presence;      /**< share of runs that reach it */
    double mean_work_s;   /**< mean alone-seconds where it is present */
    double mean_span_s;   /**< mean alone-seconds of its longest task where it is present */
} llmsched_profile_stage;

/** Reads what is known of a stage. @since 0.1 */
LLMSCHED_API llmsched_status llmsched_profile_get_stage(const llmsched_profile *profile,
                                                        uint32_t stage,
                                                        llmsched_profile_stage *info,
                                                        llmsched_error *err);

/** One bin of a stage's work, in alone-seconds. @since 0.1 */
typedef struct llmsched_profile_bin {
    uint32_t size;     /**< sizeof(llmsched_profile_bin) */
    uint32_t reserved; /**< 0 */
    uint64_t count;    /**< training values in it */
    double mean_s;     /**< their mean */
    double minimum_s;  /**< the least of them */
    double maximum_s;  /**< the greatest of them */
    double upper_s;    /**< values up to here belong to it; the last bin's is infinite */
} llmsched_profile_bin;

/** Reads one work bin of a stage, from 0. @since 0.1 */
LLMSCHED_API llmsched_status llmsched_profile_get_bin(const llmsched_profile *profile,
                                                      uint32_t stage, uint32_t bin,
                                                      llmsched_profile_bin *info,
                                                      llmsched_error *err);

/** The profile as JSON (docs/schemas.md, "llmsched-profile-1"); reading it back gives the same
 * decisions. @since 0.1 */
LLMSCHED_API llmsched_status llmsched_profile_to_json(const llmsched_profile *profile,
                                                      llmsched_text **text, llmsched_error *err);

/** Reads a profile. @return LLMSCHED_ERROR_PARSE with line and key @since 0.1 */
LLMSCHED_API llmsched_status llmsched_profile_from_json(llmsched_context *context, const char *json,
                                                        size_t length, llmsched_profile **profile,
                                                        llmsched_error *err);

#ifdef __cplusplus
}
#endif

#endif
