/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calculator: evidence, and what has been computed from it so far.
 *
 * Collect (propagate.c) goes up the buckets and leaves, for each, the product of its clique and
 * the message, so that, whether by lls_sum_product() or, where numbers would get lost, by wide.h,
 *
 *     P(node = s | separator, evidence) = clique[s][separator] / message[separator],
 *
 * a quotient of a sum and one of its terms: where the message is 0 the separator is impossible and
 * the quotient is never used. Distribute goes back down with the beliefs P(separator | evidence).
 * Hard evidence shrinks tables: an observed node has one state in all of them.
 */
#ifndef LLS_BAYES_INFERENCE_H
#define LLS_BAYES_INFERENCE_H

#include "bayes/batch.h"
#include "bayes/compile.h"
#include "bayes/joint.h"
#include "bayes/posterior.h"

/* Further values of applied[]. */
#define LLS_APPLIED_SOFT (UINT32_MAX - 1)
#define LLS_APPLIED_NEVER (UINT32_MAX - 2)

typedef enum lls_outcome {
    LLS_OUTCOME_NONE, /* collect has not run yet */
    LLS_OUTCOME_POSSIBLE,
    LLS_OUTCOME_IMPOSSIBLE
} lls_outcome;

/* A bucket under the present evidence. */
typedef struct lls_bucket_state {
    size_t rows, columns; /* of its clique; the message has `columns` entries */
    uint32_t operands;    /* in use: tables, messages, and the likelihood if there is one */
    bool changed;         /* its inputs are newer than its tables */
    bool believed;        /* its belief is that of the present evidence */
    int64_t exponent;     /* its clique and message stand for 2^exponent times what they hold */
} lls_bucket_state;

struct llmsched_inference {
    llmsched_context *context;
    llmsched_network *network;
    lls_tree tree;

    /* Evidence, per node. */
    uint32_t *observed;  /* state, or LLS_NONE32 */
    bool *soft;          /* has a likelihood */
    uint32_t *applied;   /* what the last collect saw: state, LLS_NONE32, or one of the two below */
    bool *touched;       /* likelihood rewritten since; in collect: its evidence is new */
    bool stale;          /* something was said since the last collect */
    double *likelihoods; /* by state_offset; scaled so that the largest lies in [0.5, 1) */
    int *likelihood_exponents; /* the power of two taken out */
    double *told;              /* likelihoods as they were told, of which none is lost */

    /* Results of the last collect. */
    lls_outcome outcome;
    double log_probability;
    lls_bucket_state *states;
    double *cliques, *messages;
    double *message_exponents; /* of a wide pass: messages stand for 2^exponent times each */
    lls_operand *operands;
    lls_loop *loops;

    /* Results of distribute, and scratch. */
    double *beliefs;           /* laid out as messages */
    double *ratio;             /* one separator: belief / message */
    double *means, *variances; /* moments: where messages stand, by conditional.h's order */
    bool *varies;              /* per bucket: it has a share in the sum in hand */
    double *clique;            /* one clique, or its exponents */
    double *family;            /* one family, or the states of one node */
    uint32_t *list;            /* buckets, or nodes */
    uint64_t bytes;            /* of all arrays up to here */

    lls_joint joint;
    lls_posterior posterior;
    lls_path path;
    lls_batch batch;
};

/* States left: 1 for an observed node. */
static inline size_t lls_extent(const llmsched_inference *inference, uint32_t node)
{
    return inference->observed[node] != LLS_NONE32 ? 1 : lls_states(inference->network, node);
}

/* --- propagate.c -------------------------------------------------------------- */

/* Brings collect up to date; says so when the evidence is impossible. */
llmsched_status lls_collect(llmsched_inference *inference, llmsched_error *err);
/* After a collect: its tables once more, now by the wide pass. */
void lls_collect_widely(llmsched_inference *inference);
/* Only finds out whether the evidence is possible, the quick way if that says yes. */
llmsched_status lls_possible(llmsched_inference *inference, llmsched_error *err);
/* Brings the belief of one bucket, or of all, up to date; collect must be. */
void lls_believe(llmsched_inference *inference, uint32_t bucket);
/* marginals: NULL, or the marginals of all nodes, by state_offset. */
void lls_believe_all(llmsched_inference *inference, double *marginals);
/*
 * ratio = belief / message of a believed bucket: P(node = r, separator | evidence) is then the
 * clique's row r times ratio.
 */
void lls_joint_begin(llmsched_inference *inference, uint32_t bucket);
const double *lls_clique_row(const llmsched_inference *inference, uint32_t bucket, size_t row);
/* P(node | evidence) from its believed bucket; all states of the node. */
void lls_node_marginal(llmsched_inference *inference, uint32_t node, double *to);

/* --- inference.c ---------------------------------------------------------------- */

/* Fails unless the calculator has the node. what: the function's name for messages. */
llmsched_status lls_check_node(const llmsched_inference *inference, uint32_t node, const char *what,
                               llmsched_error *err);

#endif
