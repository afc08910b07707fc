/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file network.h
 * Discrete Bayesian networks and exact inference in them. A profile holds one
 * network per application; this header serves whoever wants the engine alone.
 * Logarithms are natural, information is in nats.
 */
#ifndef LLMSCHED_NETWORK_H
#define LLMSCHED_NETWORK_H

#include "llmsched/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A network with its tables; immutable, reference-counted. Nodes are numbered in the order of the
 * file. @since 0.1 */
typedef struct llmsched_network llmsched_network;

/** Evidence on one network and the answers under it; mutable, with scratch of its own. @since 0.1
 */
typedef struct llmsched_inference llmsched_inference;

/**
 * Reads a network in the form "llmsched-bn-1" (docs/schemas.md). A table row must sum to 1 within
 * 1e-6 and is divided by its sum.
 * @return LLMSCHED_ERROR_PARSE for text that is not of the form, an unknown parent, a duplicate
 * name, or a table of the wrong length or with values that are no probabilities;
 * LLMSCHED_ERROR_CYCLE; LLMSCHED_ERROR_LIMIT
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_network_from_json(llmsched_context *context, const char *json,
                                                        size_t length, llmsched_network **network,
                                                        llmsched_error *err);

/** The network in the same form. @since 0.1 */
LLMSCHED_API llmsched_status llmsched_network_to_json(const llmsched_network *network,
                                                      llmsched_text **text, llmsched_error *err);

/** Adds a reference; any thread. @since 0.1 */
LLMSCHED_API llmsched_network *llmsched_network_retain(const llmsched_network *network);

/** Gives a reference up; NULL is accepted; any thread. @since 0.1 */
LLMSCHED_API void llmsched_network_release(llmsched_network *network);

/** The name in the file, "" without one. @since 0.1 */
LLMSCHED_API const char *llmsched_network_name(const llmsched_network *network);

/** Number of nodes. @since 0.1 */
LLMSCHED_API uint32_t llmsched_network_node_count(const llmsched_network *network);

/** Name of a node; NULL past the last. @since 0.1 */
LLMSCHED_API const char *llmsched_network_node_name(const llmsched_network *network, uint32_t node);

/** Number of the node with this name, or UINT32_MAX. @since 0.1 */
LLMSCHED_API uint32_t llmsched_network_find(const llmsched_network *network, const char *name);

/** Number of states of a node; 0 past the last. @since 0.1 */
LLMSCHED_API uint32_t llmsched_network_state_count(const llmsched_network *network, uint32_t node);

/** Name of a state; NULL past the last. @since 0.1 */
LLMSCHED_API const char *llmsched_network_state_name(const llmsched_network *network, uint32_t node,
                                                     uint32_t state);

/** Parents of a node in the order of its table. @since 0.1 */
LLMSCHED_API const uint32_t *llmsched_network_parents(const llmsched_network *network,
                                                      uint32_t node, uint32_t *count);

/** The node's table: parents[0] slowest, the node's own state fastest. @since 0.1 */
LLMSCHED_API const double *llmsched_network_table(const llmsched_network *network, uint32_t node,
                                                  uint64_t *count);

/** A cell of a table whose state is not known. @since 0.1 */
#define LLMSCHED_STATE_MISSING UINT32_MAX

/** A node of a job that has a likelihood instead of a state. @since 0.1 */
#define LLMSCHED_STATE_SOFT 4294967294u

/** What a structure is judged by. @since 0.1 */
enum { LLMSCHED_SCORE_BIC = 1, LLMSCHED_SCORE_BDEU = 2 };

/** Which columns may be parents of which: only those further left, or any without a cycle.
 * @since 0.1 */
enum { LLMSCHED_ORDER_GIVEN = 1, LLMSCHED_ORDER_FREE = 2 };

/** Observations of discrete variables, one row each; read during the call only. @since 0.1 */
typedef struct llmsched_table {
    uint32_t size;    /**< sizeof(llmsched_table) */
    uint32_t columns; /**< at least 1 */
    uint64_t rows;    /**< at least 1 */
    /** rows * columns states, row after row; LLMSCHED_STATE_MISSING where one is not known */
    const uint32_t *cells;
    /** number of states of each column, 1 .. 65536; NULL: largest index + 1 */
    const uint32_t *states;
    const char *const *names; /**< of the columns, all different; NULL: "0", "1", ... */
    const double *weights;    /**< of the rows, finite, >= 0, not all 0; NULL: 1 each */
} llmsched_table;

/** How a network is learned. @since 0.1 */
typedef struct llmsched_learn_options {
    uint32_t size;          /**< sizeof(llmsched_learn_options) */
    uint32_t order;         /**< LLMSCHED_ORDER_*; 0: given */
    uint32_t score;         /**< LLMSCHED_SCORE_*; 0: BIC */
    uint32_t max_parents;   /**< most parents of a node; 0: 2 */
    uint32_t no_arcs;       /**< 1: no node has parents */
    uint32_t restarts;      /**< of the search that a free order needs beyond some 20 columns;
                                 0: 200 */
    double equivalent_size; /**< a of BDeu and of the tables (also under BIC); 0: 10 */
    uint64_t max_clique;    /**< width guard: entries of the largest table that exact inference
                                 would make; 0: no guard */
    uint64_t seed;          /**< of that search */
} llmsched_learn_options;

/**
 * Learns a network whose nodes are the columns of a table. With the order given each node's parents
 * are the best set there is; with a free order the network is the best there is up to some 20
 * columns (docs/algorithms.md, section 2), and one that no simple change improves beyond. Equal
 * scores go to fewer parents, then to lower columns. A family counts the rows that show all of it,
 * its likelihood scaled to all rows. Tables are (N_ijk + a / (q r)) / (N_ij + a / q). States are
 * named "0", "1", ...
 * @param[in]  options  NULL for defaults
 * @param[out] network  give it up with llmsched_network_release()
 * @param[out] score    of its structure, natural logarithm; may be NULL
 * @return LLMSCHED_ERROR_INVALID for a table or option out of range (also a column never seen, if
 * states is NULL), LLMSCHED_ERROR_PARSE for a name that is empty or not unique,
 * LLMSCHED_ERROR_LIMIT, _MEMORY or _VERSION
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_network_learn(llmsched_context *context,
                                                    const llmsched_table *table,
                                                    const llmsched_learn_options *options,
                                                    llmsched_network **network, double *score,
                                                    llmsched_error *err);

/** How answers are approximated. @since 0.1 */
typedef struct llmsched_approximate_options {
    uint32_t size;     /**< sizeof(llmsched_approximate_options) */
    uint32_t reserved; /**< 0 */
    uint64_t samples;  /**< draws, at most 2^40; 0: 10000 */
    uint64_t seed;     /**< the same seed and evidence give the same answers */
} llmsched_approximate_options;

/** How good approximate answers are. @since 0.1 */
typedef struct llmsched_approximation {
    uint32_t size;                /**< sizeof(llmsched_approximation) */
    uint32_t reserved;            /**< 0 */
    uint64_t samples;             /**< draws that were made */
    double effective;             /**< as many draws of equal weight would be as good */
    double log_probability;       /**< estimate of ln P(evidence) */
    double log_probability_error; /**< its standard error */
} llmsched_approximation;

/**
 * Marginals by weighted draws, for networks that llmsched_inference_create() finds too wide.
 * Takes no account of widths; good where the evidence is not too unlikely, which `effective` and
 * the errors tell.
 * @param[in]  states         per node its state, or LLMSCHED_INDEX_NONE (UINT32_MAX) where it is
 * not observed; NULL: none is
 * @param[in]  likelihoods    soft evidence, laid out as @p probabilities, as in
 * llmsched_inference_set_likelihood(), 1 for nodes without; NULL: none. That of an observed node
 * does not count
 * @param[in]  options        NULL for defaults
 * @param[out] probabilities  P(node | evidence): the states of node 0, then those of node 1, ...
 * @param[out] errors         standard error of each, never under 1 / effective; 0 where observed
 * @param[in]  size           of both; must be the sum of the nodes' numbers of states
 * @param[out] result         how good they are
 * @return LLMSCHED_ERROR_LIMIT where no draw agrees with the evidence: it is impossible, or too
 * unlikely for so few
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_network_approximate(
    const llmsched_network *network, const uint32_t *states, const double *likelihoods,
    const llmsched_approximate_options *options, double *probabilities, double *errors,
    uint64_t size, llmsched_approximation *result, llmsched_error *err);

/**
 * Makes a calculator without evidence. Compiles an elimination order once; later calls allocate
 * nothing unless a joint needs more scratch than any before.
 * @return LLMSCHED_ERROR_LIMIT for a network too wide for exact answers within the context's
 * max_table; llmsched_network_approximate() has answers for those too
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_inference_create(const llmsched_network *network,
                                                       llmsched_inference **inference,
                                                       llmsched_error *err);

/** Ends it; NULL is accepted. @since 0.1 */
LLMSCHED_API void llmsched_inference_destroy(llmsched_inference *inference);

/** Forgets all evidence. @since 0.1 */
LLMSCHED_API void llmsched_inference_clear(llmsched_inference *inference);

/**
 * Bytes that the calculator holds for the network, compiled as it is, and for its messages: what it
 * took when it was made, but for a few per node; it grows only by the scratch of joints and
 * batches. 0 for NULL. @since 0.1
 */
LLMSCHED_API uint64_t llmsched_inference_bytes(const llmsched_inference *inference);

/** Hard evidence: the node is in this state. Replaces what was said of the node. @since 0.1 */
LLMSCHED_API llmsched_status llmsched_inference_set_state(llmsched_inference *inference,
                                                          uint32_t node, uint32_t state,
                                                          llmsched_error *err);

/**
 * Soft evidence: likelihood[s] is proportional to the probability of what was seen, were the node
 * in state s. Finite, not negative, not all zero; count must be the node's number of states. The
 * node counts as unobserved. Replaces what was said of the node. P(evidence) includes the factor as
 * it stands.
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_inference_set_likelihood(llmsched_inference *inference,
                                                               uint32_t node,
                                                               const double *likelihood,
                                                               uint32_t count, llmsched_error *err);

/**
 * ln P(evidence). Impossible evidence is LLMSCHED_ERROR_IMPOSSIBLE here and in all calls below.
 * Only zeros in tables and likelihoods make it so: nothing underflows, however small P(evidence) is
 * and however far likelihoods and tables lie apart. What contradicts itself by more than doubles
 * reach is worked out with an exponent beside each number, which takes about ten times as long.
 *
 * A program may have told its processor to flush subnormal numbers to zero. Then tables' and
 * likelihoods' values below 2.2e-308 count as 0; otherwise answers are right just so. @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_inference_log_probability(llmsched_inference *inference,
                                                                double *log_probability,
                                                                llmsched_error *err);

/**
 * P(node | evidence); for a node with hard evidence 1 at its state. In networks with large cliques
 * each node asked may take about as long as all together: ask llmsched_inference_marginals() for
 * many.
 * @param[out] probabilities  the node's states; @p count must be their number
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_inference_marginal(llmsched_inference *inference,
                                                         uint32_t node, double *probabilities,
                                                         uint32_t count, llmsched_error *err);

/**
 * P(node | evidence) of every node in one pass: the states of node 0, then those of node 1, and so
 * on. After new evidence only what it bears on is computed anew; the answer does not depend on what
 * was said or asked before, to the last bit.
 * @param[out] probabilities  @p size must be the sum of the nodes' numbers of states
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_inference_marginals(llmsched_inference *inference,
                                                          double *probabilities, uint64_t size,
                                                          llmsched_error *err);

/**
 * The same for many jobs, each with hard evidence of its own; the answers are those that the
 * calculator would give one after another, to the last bit. What jobs have in common is worked
 * out once. The calculator's own evidence is neither looked at nor changed. The first call takes
 * memory for what is kept between jobs, later ones take none.
 * @param states  job by job one value per node: its state, or LLMSCHED_INDEX_NONE (UINT32_MAX)
 * where it is not observed
 * @param[out] probabilities  job by job what llmsched_inference_marginals() gives; untouched for a
 * job whose status is not LLMSCHED_OK
 * @param[out] statuses  per job: LLMSCHED_OK or LLMSCHED_ERROR_IMPOSSIBLE
 * @return LLMSCHED_OK also where some jobs' evidence is impossible; LLMSCHED_ERROR_INVALID for a
 * state that a node does not have; LLMSCHED_ERROR_MEMORY
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_inference_batch_marginals(
    llmsched_inference *inference, const uint32_t *states, uint64_t jobs, double *probabilities,
    int32_t *statuses, llmsched_error *err);

/**
 * The same with soft evidence as well: a node in the "state" LLMSCHED_STATE_SOFT is not observed,
 * but has a likelihood as llmsched_inference_set_likelihood() takes it.
 * @param states  as above, or LLMSCHED_STATE_SOFT
 * @param likelihoods  NULL where no job has any; else job by job laid out like @p probabilities,
 * not looked at for nodes that are not LLMSCHED_STATE_SOFT
 * @return also LLMSCHED_ERROR_INVALID for a likelihood that is none, and for LLMSCHED_STATE_SOFT
 * where @p likelihoods is NULL
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_inference_batch_soft_marginals(
    llmsched_inference *inference, const uint32_t *states, const double *likelihoods, uint64_t jobs,
    double *probabilities, int32_t *statuses, llmsched_error *err);

/**
 * P(nodes | evidence), nodes[0] slowest; any nodes, no duplicates.
 * @param[out] probabilities  @p size must be the product of the nodes' numbers of states
 * @return LLMSCHED_ERROR_LIMIT where a table would exceed the context's max_table
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_inference_joint(llmsched_inference *inference,
                                                      const uint32_t *nodes, uint32_t count,
                                                      double *probabilities, uint64_t size,
                                                      llmsched_error *err);

/** H(nodes | evidence) of the set together (algorithms.md section 3). @since 0.1 */
LLMSCHED_API llmsched_status llmsched_inference_entropy(llmsched_inference *inference,
                                                        const uint32_t *nodes, uint32_t count,
                                                        double *entropy, llmsched_error *err);

/** H of all nodes without hard evidence together: the joint's entropy without building it. @since
 * 0.1 */
LLMSCHED_API llmsched_status llmsched_inference_total_entropy(llmsched_inference *inference,
                                                              double *entropy, llmsched_error *err);

/**
 * I(x ; others | evidence), the others taken as one joint variable; never negative. x must not be
 * among them. Time grows with the joint states of x and of those others that it reaches without
 * passing another; memory stays within max_table.
 * @return LLMSCHED_ERROR_LIMIT where these are more than 16 times max_table, and more than 2^25
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_inference_mutual_information(
    llmsched_inference *inference, uint32_t x, const uint32_t *others, uint32_t count,
    double *information, llmsched_error *err);

/**
 * I(x ; every other unobserved node | evidence), from x's Markov blanket, whose joint states are
 * limited as above.
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_inference_total_information(llmsched_inference *inference,
                                                                  uint32_t x, double *information,
                                                                  llmsched_error *err);

#ifdef __cplusplus
}
#endif

#endif
