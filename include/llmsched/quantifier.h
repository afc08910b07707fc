/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file quantifier.h
 * The uncertainty quantifier: what one job may still do, given what it has
 * done (LLMSched paper, entropy-based uncertainty quantifier; docs/algorithms.md sections 3 and 4).
 */
#ifndef LLMSCHED_QUANTIFIER_H
#define LLMSCHED_QUANTIFIER_H

#include "llmsched/base.h"
#include "llmsched/dag.h"
#include "llmsched/profiler.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Belief about one job at a time, with scratch of its own; mutable. @since 0.1 */
typedef struct llmsched_quantifier llmsched_quantifier;

/** How the work of a stage lies inside one of its classes; values of `within`. @since 0.1 */
enum {
    /** Between the least and the greatest that were seen there, so that its mean holds. */
    LLMSCHED_WITHIN_SPREAD = 0,
    /** All of it at its mean: a sum then has few values. */
    LLMSCHED_WITHIN_MEAN = 1
};

/* --- following a job ----------------------------------------------------- */

/** A stage that a job has revealed. Nothing of it is known before. @since 0.1 */
typedef struct llmsched_revealed_stage {
    uint32_t size; /**< sizeof(llmsched_revealed_stage) */
    uint32_t kind; /**< LLMSCHED_STAGE_*; a dynamic stage has no tasks and finishes when its parents
                      have */
    const char *name; /**< its k-th stage of this kind and name is the template's with occurrence k;
                         not NULL */
    const char
        *model; /**< only engines with this model, or regular executors of the pool so named, may
                   run it; NULL: those without a name */
    const uint32_t
        *parents; /**< numbers of stages of the job that must finish first, revealed before */
    uint32_t parent_count; /**< 0: ready at once */
    uint32_t tasks;        /**< exchangeable tasks; 0: 1 */
    uint32_t choice;       /**< dynamic stages: the candidate chosen plus 1; 0: not known */
    uint32_t has_prompt;   /**< 1: prompt_tokens is known */
    double prompt_tokens;  /**< over all tasks */
} llmsched_revealed_stage;

/**
 * What one job has revealed and done so far: evidence on its template's stages, and how far it has
 * come. Built from finished and revealed stages only. Trees know jobs as past runs were: tell
 * prompt and output tokens if those did, and reveal a stage once its parents have ended. Mutable.
 * @since 0.1
 */
typedef struct llmsched_progress llmsched_progress;

/** Begins to follow a job of a profile, which it shares. @since 0.1 */
LLMSCHED_API llmsched_status llmsched_progress_create(const llmsched_profile *profile,
                                                      llmsched_progress **progress,
                                                      llmsched_error *err);

/** Ends it; NULL is accepted. @since 0.1 */
LLMSCHED_API void llmsched_progress_destroy(llmsched_progress *progress);

/**
 * The job has revealed a stage: the k-th of its kind and name is the template's with that
 * occurrence.
 * @param[in]  stage   copied; `model`, `parents` and `parent_count` are ignored, and a `choice`
 * that the template lacks
 * @param[out] number  the stages count from 0 in the order of these calls; may be NULL
 * @return LLMSCHED_ERROR_LIMIT beyond the context's max_stages
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_progress_reveal(llmsched_progress *progress,
                                                      const llmsched_revealed_stage *stage,
                                                      uint32_t *number, llmsched_error *err);

/**
 * A revealed stage has been served so long.
 * @param[in] served_s  alone-seconds over its tasks, those of running ones so far included
 * @return LLMSCHED_ERROR_NOT_FOUND for a stage not revealed or ended
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_progress_serve(llmsched_progress *progress, uint32_t number,
                                                     double served_s, llmsched_error *err);

/**
 * A revealed stage has ended.
 * @param[in] work_s         alone-seconds over its tasks
 * @param[in] output_tokens  over its tasks; negative: not known
 * @return LLMSCHED_ERROR_NOT_FOUND for a stage not revealed or ended before
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_progress_end(llmsched_progress *progress, uint32_t number,
                                                   double work_s, double output_tokens,
                                                   llmsched_error *err);

/** The template's stage that a revealed one is; LLMSCHED_INDEX_NONE: it has none, or there is no
 * stage of this number. @since 0.1 */
LLMSCHED_API uint32_t llmsched_progress_template_stage(const llmsched_progress *progress,
                                                       uint32_t number);

/* --- the quantifier ------------------------------------------------------- */

/** Options of a quantifier. @since 0.1 */
typedef struct llmsched_quantifier_options {
    uint32_t size;     /**< sizeof(llmsched_quantifier_options) */
    uint32_t horizon;  /**< M: stages whose uncertainty a stage may reduce, the nearest first, 1 ..
                          8; 0: 4 */
    uint32_t samples;  /**< where a distribution is found by draws: how many; 0: 512 */
    uint32_t reserved; /**< 0 */
    uint64_t seed;     /**< of those draws */
    double
        support; /**< a state less likely than this does not count for ranges [lo, hi]; 0: 0.01 */
    uint32_t draws;  /**< 1: distributions and quantiles by draws, also where they can be exact */
    uint32_t within; /**< LLMSCHED_WITHIN_* */
    uint32_t cells; /**< of the grid for sums of many values: a power of two, 64 .. 65536; 0: 512 */
    uint32_t reserved_end; /**< 0 */
} llmsched_quantifier_options;

/** Makes a quantifier for jobs of a profile, which it shares. @since 0.1 */
LLMSCHED_API llmsched_status llmsched_quantifier_create(const llmsched_profile *profile,
                                                        const llmsched_quantifier_options *options,
                                                        llmsched_quantifier **quantifier,
                                                        llmsched_error *err);

/** Ends a quantifier; NULL is accepted. @since 0.1 */
LLMSCHED_API void llmsched_quantifier_destroy(llmsched_quantifier *quantifier);

/** What is known of one stage of the job; values of `state`. @since 0.1 */
enum {
    /** Not reached yet; it may come or not. */
    LLMSCHED_EVIDENCE_UNKNOWN = 0,
    /** It will not be run. */
    LLMSCHED_EVIDENCE_ABSENT = 1,
    /** Revealed, waiting or running; work_s is what it has been served so far. */
    LLMSCHED_EVIDENCE_PRESENT = 2,
    /** Finished; work_s is its work. */
    LLMSCHED_EVIDENCE_FINISHED = 3,
    /** Aggregate stages: work_s of its work is done and gone, more may come. */
    LLMSCHED_EVIDENCE_PARTIAL = 4
};

/** Evidence on one stage. @since 0.1 */
typedef struct llmsched_stage_evidence {
    uint32_t size;  /**< sizeof(llmsched_stage_evidence) */
    uint32_t state; /**< LLMSCHED_EVIDENCE_* */
    uint32_t
        choice; /**< dynamic stages that are finished: the candidate chosen plus 1; 0: not known */
    uint32_t has_prompt;  /**< 1: prompt_tokens is known */
    double work_s;        /**< see the states */
    double prompt_tokens; /**< over all tasks */
    uint32_t ended;       /**< aggregate stages: how many of their stages have ended */
    uint32_t reserved;    /**< 0 */
} llmsched_stage_evidence;

/**
 * Sets what is known of a job; replaces all evidence. A combination that the network holds
 * impossible cannot occur in a fitted profile (its tables have no zeros), but can in one read from
 * a file: LLMSCHED_ERROR_IMPOSSIBLE.
 * @param[in] evidence  one element per stage of the template; all of one `size`
 * @param[in] count     must be the template's number of stages
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_quantifier_set_evidence(
    llmsched_quantifier *quantifier, const llmsched_stage_evidence *evidence, uint32_t count,
    llmsched_error *err);

/**
 * Sets what is known of a job from its progress; replaces all evidence. Copied: the progress may go
 * on afterwards.
 * @return LLMSCHED_ERROR_INVALID for progress of another profile; LLMSCHED_ERROR_IMPOSSIBLE as of
 * llmsched_quantifier_set_evidence()
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_quantifier_set_progress(llmsched_quantifier *quantifier,
                                                              const llmsched_progress *progress,
                                                              llmsched_error *err);

/** Belief about one unfinished stage. @since 0.1 */
typedef struct llmsched_stage_belief {
    uint32_t size;      /**< sizeof(llmsched_stage_belief) */
    uint32_t reserved;  /**< 0 */
    double presence;    /**< probability that it is or will be present */
    double mean_work_s; /**< expected work, absence counting 0; unfinished work in full */
    double minimum_s;   /**< least of its likely work; 0 if it may be absent */
    double maximum_s;   /**< greatest of its likely work */
    double entropy;     /**< of its work class (or choice), nats */
} llmsched_stage_belief;

/** Reads the belief about a stage; for a finished or absent one all is 0 but presence. @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_quantifier_stage(llmsched_quantifier *quantifier,
                                                       uint32_t stage,
                                                       llmsched_stage_belief *belief,
                                                       llmsched_error *err);

/** Remaining work of one resource, over all unfinished stages, present or possible, those running
 * in full. @since 0.1 */
typedef struct llmsched_remaining {
    uint32_t size;     /**< sizeof(llmsched_remaining) */
    uint32_t reserved; /**< 0 */
    double mean_s;     /**< exact under the network */
    double lo_s;       /**< sum of the stages' minima */
    double hi_s;       /**< sum of their maxima */
} llmsched_remaining;

/**
 * Remaining work.
 * @param[in] kind  LLMSCHED_STAGE_LLM, LLMSCHED_STAGE_REGULAR, or 0 for both together
 * @since 0.1. Cost: one pass over the clique tree after new evidence, then O(stages).
 */
LLMSCHED_API llmsched_status llmsched_quantifier_remaining(llmsched_quantifier *quantifier,
                                                           uint32_t kind,
                                                           llmsched_remaining *remaining,
                                                           llmsched_error *err);

/** Variance of the remaining work (seconds squared), exact under the network. @since 0.1 */
LLMSCHED_API llmsched_status llmsched_quantifier_variance(llmsched_quantifier *quantifier,
                                                          uint32_t kind, double *variance,
                                                          llmsched_error *err);

/** How a distribution was found; values of `form`. @since 0.1 */
enum {
    /** Exactly: every value that is possible, with its probability. */
    LLMSCHED_FORM_POINTS = 1,
    /** Exactly, but for the values' places on a grid: value_error_s says how far they moved. */
    LLMSCHED_FORM_GRID = 2,
    /** By draws from the posterior: the errors are those of a sample. */
    LLMSCHED_FORM_DRAWS = 3
};

/** A distribution, and how near it is to that under the network. @since 0.1 */
typedef struct llmsched_distribution {
    uint32_t size;       /**< sizeof(llmsched_distribution) */
    uint32_t form;       /**< LLMSCHED_FORM_* */
    uint32_t count;      /**< number of its points */
    uint32_t reserved;   /**< 0 */
    double mean_s;       /**< its mean under the network */
    double mean_error_s; /**< standard error of mean_s; 0: it is exact */
    /** no value stands further than this from where it belongs, so no quantile does; 0 for points
     * and draws */
    double value_error_s;
    /** of the probability up to any value: for draws its standard error at most, on a grid what may
     * be cut off or stand further away; 0 for points. Numbers are rounded beside that, by 1e-12 or
     * so. */
    double level_error;
} llmsched_distribution;

/**
 * The distribution of the remaining work under the network: exact points where the classes have one
 * value each (LLMSCHED_WITHIN_MEAN) and few joint states, else on a grid, which keeps the mean.
 * LLMSCHED_ERROR_LIMIT where the network is too wide for that, which takes `cells` times what a
 * pass over its cliques does, at most four times the context's max_table in all; unless the options
 * ask for draws.
 * @param[in]  kind           as in llmsched_quantifier_remaining()
 * @param[out] values         seconds, ascending
 * @param[out] probabilities  of the values; their sum is 1
 * @param[in]  capacity       room in both. `cells` of the options is enough for what is exact (a
 * template of more than `cells` / 4 stages needs 8 for each), `samples` for draws
 * @param[out] distribution   count, mean and errors
 * @return LLMSCHED_ERROR_LIMIT also where there are more points than room; outputs are untouched
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_quantifier_distribution(
    llmsched_quantifier *quantifier, uint32_t kind, double *values, double *probabilities,
    uint32_t capacity, llmsched_distribution *distribution, llmsched_error *err);

/**
 * Quantiles of the remaining work: of llmsched_quantifier_distribution(), and by `samples` seeded
 * draws where that is too wide (the same evidence and seed give the same answer).
 * @param[in]  levels     each in (0, 1), @p count of them
 * @param[out] quantiles  @p count values
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_quantifier_quantiles(llmsched_quantifier *quantifier,
                                                           uint32_t kind, const double *levels,
                                                           uint32_t count, double *quantiles,
                                                           llmsched_error *err);

/**
 * The remaining critical path: longest path through the unfinished stages, a stage counting the
 * mean of its longest task in its class. Exact where the unfinished stages have few joint states
 * or lie on one path; else by `samples` draws, and the form and errors say so.
 * @param[in]  levels        each in (0, 1), @p count of them; may be NULL with count 0
 * @param[out] quantiles     @p count values
 * @param[out] distribution  mean and errors
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_quantifier_path(llmsched_quantifier *quantifier,
                                                      const double *levels, uint32_t count,
                                                      double *quantiles,
                                                      llmsched_distribution *distribution,
                                                      llmsched_error *err);

/** Mean of llmsched_quantifier_path(). @since 0.1 */
LLMSCHED_API llmsched_status llmsched_quantifier_critical_path(llmsched_quantifier *quantifier,
                                                               double *mean_s, llmsched_error *err);

/** Where a forecast of remaining work comes from; values of `method`. @since 0.1 */
enum {
    /** The network: its stages' posterior, mixed with its variables of remaining work, whose
       distribution given how far the job has come is kept as a forest of trees. Without progress
       or trees the stages alone. */
    LLMSCHED_BY_NETWORK = 1,
    /** What remained of past runs after as many ended stages (llmsched_profile_get_remainder()). */
    LLMSCHED_BY_HISTORY = 2,
    /** One regression tree on how far the job has come. */
    LLMSCHED_BY_TREE = 3,
    /** A forest of such trees, drawn towards history as far as that helped in past runs. */
    LLMSCHED_BY_FOREST = 4
};

/**
 * Forecast of the remaining work of one kind, unfinished stages in full
 * (docs/algorithms.md section 9). 0 once all revealed stages have ended.
 * @param[in]  kind       LLMSCHED_STAGE_LLM or LLMSCHED_STAGE_REGULAR
 * @param[in]  method     LLMSCHED_BY_*
 * @param[in]  levels     @p count of them, each in (0, 1); by history only 0.1, 0.5 and 0.9
 * @param[out] quantiles  @p count values, each the least up to which the distribution holds its
 * level; may be NULL when @p count is 0
 * @param[out] mean_s     alone-seconds
 * @return LLMSCHED_ERROR_STATE for a method that needs progress when only evidence was set, or
 * trees when the profile has none
 * @since 0.1. Cost: a walk down each tree; by network one pass over the clique tree, and for
 * quantiles the distribution over it.
 */
LLMSCHED_API llmsched_status llmsched_quantifier_forecast(llmsched_quantifier *quantifier,
                                                          uint32_t kind, uint32_t method,
                                                          const double *levels, uint32_t count,
                                                          double *quantiles, double *mean_s,
                                                          llmsched_error *err);

/**
 * Gittins index of a distribution at an age: the least, over every support point D, of the expected
 * work up to D per chance to be done by D, given more than the age. Least first is the best order
 * to serve jobs of unknown length on one server (Gittins 1979; docs/algorithms.md section 6).
 * @param[in]  values  ascending, finite
 * @param[in]  shares  beside them, not negative; need not sum to 1
 * @param[in]  age     work that has been served already
 * @since 0.1. Cost: O(count).
 */
LLMSCHED_API llmsched_status llmsched_gittins_index(const double *values, const double *shares,
                                                    uint32_t count, double age, double *index,
                                                    llmsched_error *err);

/** Entropy H(X | evidence) of a stage's variable, nats; 0 for a finished one. @since 0.1 */
LLMSCHED_API llmsched_status llmsched_quantifier_entropy(llmsched_quantifier *quantifier,
                                                         uint32_t stage, double *entropy,
                                                         llmsched_error *err);

/** I(stage ; others | evidence) over work variables, the others taken together; nats. @since 0.1 */
LLMSCHED_API llmsched_status llmsched_quantifier_information(llmsched_quantifier *quantifier,
                                                             uint32_t stage, const uint32_t *others,
                                                             uint32_t count, double *information,
                                                             llmsched_error *err);

/**
 * Uncertainty reduction R of a present, unfinished stage (docs/algorithms.md section 3): I(X ; Y |
 * e) times the sum of the ranges of the Y, where Y are the unfinished stages reachable from X in
 * the network, at most M; plus the entropy of dynamic choices that X resolves. Never negative; 0
 * when X tells nothing.
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_quantifier_reduction(llmsched_quantifier *quantifier,
                                                           uint32_t stage, double *reduction,
                                                           llmsched_error *err);

#ifdef __cplusplus
}
#endif

#endif
