/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the search share (docs/algorithms.md, section 8, "Search").
 *
 *   layout (GPUs in slots) -> options (items that could be used) -> prices and knapsack (bounds)
 *       -> heuristic (a good plan) -> branch (a better one, or the proof) -> solution
 *
 * Slots are GPUs by domain, then position: a replica has tp slots side by side.
 */
#ifndef LLS_PLACE_SEARCH_H
#define LLS_PLACE_SEARCH_H

#include "place/internal.h"

#include <math.h>

/* --- layout.c --------------------------------------------------------------------- */

/* Where replicas of so many GPUs of a kind can be. */
typedef struct lls_shape {
    uint32_t kind, tp, count;
    uint32_t *firsts; /* slots, ascending */
} lls_shape;

/* GPUs of one kind and memory. */
typedef struct lls_gpu_class {
    uint32_t kind, count;
    double memory;
} lls_gpu_class;

typedef struct lls_layout {
    const llmsched_context *context;
    uint32_t slot_count, domain_count;
    uint32_t *gpus, *domains, *kinds; /* of each slot */
    uint32_t *slots;                  /* of each GPU */
    uint32_t *starts;                 /* first slot of each domain, and the end */
    double *memory;                   /* of each slot */
    lls_shape *shapes;
    uint32_t shape_count, shape_capacity;
    lls_gpu_class *classes;
    uint32_t class_count, class_capacity;
} lls_layout;

bool lls_layout_init(lls_layout *layout, const lls_place_problem *problem);
void lls_layout_finish(lls_layout *layout);
/* Number of a shape, made if it is new; LLS_NONE32: no memory. */
uint32_t lls_layout_shape(lls_layout *layout, uint32_t kind, uint32_t tp);

/* --- options.c ---------------------------------------------------------------------- */

/* What a replica takes of each of its GPUs; equal ones have one number and one price. */
typedef struct lls_need {
    double share, memory, bandwidth;
    uint32_t kind, reserved;
} lls_need;

/* An item that some GPUs could take, in the search's own terms. */
typedef struct lls_option {
    double latency;
    double total_share; /* tp * share * replicas */
    uint32_t item, config, shape, need, tp, replicas;
    uint32_t moves;  /* replicas that cannot be where they run */
    uint32_t slots;  /* tp * replicas */
    uint32_t tariff; /* of its need */
    uint32_t reserved;
} lls_option;

/* A stage or term of an application that uses a menu. */
typedef struct lls_use {
    uint32_t app;
    uint32_t part;        /* stage or term, numbered through all applications */
    const double *factor; /* by configuration; NULL: `constant` for all */
    double constant, fixed;
} lls_use;

/* A plan found. */
typedef struct lls_incumbent {
    uint32_t *choice; /* option of each menu, numbered through all menus */
    uint32_t *places; /* first slot of each replica; of menu m from search->place_starts[m] */
    double latency;   /* sum of weight * latency */
    double objective; /* latency, and the cost of what moves */
    double least;     /* objective of any plan found; equal to this one's as objectives go */
    double share;
    uint32_t touched, moves;
    bool found;
} lls_incumbent;

typedef struct lls_search {
    const lls_place_problem *problem;
    const llmsched_context *context;
    lls_layout layout;
    lls_option *options;
    uint32_t *option_starts; /* of each menu, and the end */
    uint32_t option_count;
    lls_need *needs;
    uint32_t need_count, need_capacity;
    lls_map need_numbers;
    lls_need *tariffs; /* needs of one price: no more in any dimension than those it stands for */
    uint32_t tariff_count;
    double most_memory; /* of a GPU */
    lls_use *uses;
    uint32_t *use_starts;    /* of each menu, and the end */
    uint32_t *part_starts;   /* of each application, and the end */
    uint32_t *app_lists;     /* applications of each menu, none twice */
    uint32_t *app_starts;    /* of each menu, and the end */
    uint32_t *config_starts; /* of each menu in arrays by configuration, and the end */
    uint32_t *place_starts;  /* of each menu in arrays by replica, and the end */
    uint32_t *running;       /* first slots of what runs and can stay, as option->config wants it */
    uint32_t *running_starts;
    uint64_t nodes, budget;
    llmsched_planner_progress_fn progress;
    void *progress_user;
    uint64_t next_report;
    double bound;        /* best that is proved */
    bool stopped;        /* by the progress callback */
    bool first_suffices; /* only whether there is a plan is asked */
    lls_incumbent best;
} lls_search;

/* LLMSCHED_OK; LLMSCHED_NONE with the menu that has no option left. */
llmsched_status lls_search_init(lls_search *search, const lls_place_problem *problem,
                                uint32_t *empty_menu);
void lls_search_finish(lls_search *search);
/* Counts nodes; false: enough of them. */
bool lls_search_visit(lls_search *search, uint64_t nodes);
/* Whether a is below b by more than what makes objectives differ. */
bool lls_is_below(double a, double b);
/* Whether a is not above b by more than that. */
bool lls_is_within(double a, double b);
/* The larger of share, memory fraction of the largest GPU of its kind, and bandwidth. */
double lls_need_size(const lls_search *search, uint32_t need);
/* Whether a GPU that is used so far has room. */
static inline bool lls_need_fits(const lls_need *need, double share, double memory,
                                 double bandwidth, double gpu_memory)
{
    return share + need->share <= 1.0 + LLS_PLACE_SLACK &&
           memory + need->memory <= gpu_memory * (1.0 + LLS_PLACE_SLACK) &&
           bandwidth + need->bandwidth <= 1.0 + LLS_PLACE_SLACK;
}

/* --- times.c: latencies of what is chosen so far -------------------------------------- */

typedef struct lls_times {
    const lls_search *search;
    double *least;  /* of each use, by its fastest option */
    double *parts;  /* of each stage or term */
    double *finish; /* room */
    double *apps;   /* of each application */
} lls_times;

/* Everything at its fastest. alive: which options count; NULL: all. */
bool lls_times_init(lls_times *times, const lls_search *search, const bool *alive);
void lls_times_finish(lls_times *times);
/* option LLS_NONE32: the fastest of each stage. */
void lls_times_set(lls_times *times, uint32_t menu, uint32_t option);
double lls_times_sum(const lls_times *times);
bool lls_times_within_limits(const lls_times *times);
/* Seconds of a part with this option. */
double lls_use_time(const lls_search *search, uint32_t use, uint32_t option);
/* Marks the stages of a longest path of an application in marks (by part); returns its length. */
double lls_times_path(const lls_times *times, uint32_t app, bool *marks);

/* --- packing.c: who is where ------------------------------------------------------------ */

/* The emptiest that a slot of a block is in each resource: what does not fit that fits none. */
enum { LLS_BLOCK_SLOTS = 8 };

typedef struct lls_block {
    double share, memory, bandwidth; /* least used of a slot */
    double capacity;                 /* most memory of a slot */
    bool stale;                      /* to be found anew */
} lls_block;

typedef struct lls_packing {
    const lls_search *search;
    double *share, *memory, *bandwidth; /* used of each slot */
    uint32_t *count;                    /* replicas on each slot */
    uint32_t *options;                  /* of each menu that is placed; LLS_NONE32 */
    uint32_t *places;                   /* as lls_incumbent's */
    double *domain_share;
    lls_block *blocks;          /* of LLS_BLOCK_SLOTS slots each */
    struct lls_fullness *order; /* room for the groups of a shape */
    uint32_t *menus;            /* room */
    uint32_t touched;
} lls_packing;

bool lls_packing_init(lls_packing *packing, const lls_search *search);
void lls_packing_finish(lls_packing *packing);
void lls_packing_clear(lls_packing *packing);
bool lls_packing_fits(const lls_packing *packing, uint32_t option, uint32_t first);
void lls_packing_put(lls_packing *packing, uint32_t option, uint32_t first);
void lls_packing_take(lls_packing *packing, uint32_t option, uint32_t first);
/* All replicas of an option, best fit; false: as before. */
bool lls_packing_add(lls_packing *packing, uint32_t menu, uint32_t option);
void lls_packing_remove(lls_packing *packing, uint32_t menu);
/* Anew and greedily, in several orders, menus of LLS_NONE32 left out; false: what is left is of no
 * use. */
bool lls_packing_fill(lls_packing *packing, const uint32_t *choice);
/* Replicas that are not where they run. */
uint32_t lls_packing_moves(const lls_packing *packing);

/* --- packing_exact.c -------------------------------------------------------------------- */

typedef enum lls_fit { LLS_FIT_NO, LLS_FIT_YES, LLS_FIT_UNKNOWN } lls_fit;

/* What a packing may touch and move, and the nodes that may be spent on it. */
typedef struct lls_fit_limits {
    uint32_t touched, moves;
    uint64_t nodes;
} lls_fit_limits;

/* Depth first. LLS_FIT_YES: packing holds it. limits->nodes becomes what was spent. */
lls_fit lls_packing_search(lls_packing *packing, const uint32_t *choice, lls_fit_limits *limits,
                           bool *no_memory);

/* --- pattern.c -------------------------------------------------------------------------- */

/* A set of replicas on one GPU. */
typedef struct lls_pattern {
    uint32_t tariffs[64];
    uint32_t count;
    double value; /* no set that fits is worth more */
} lls_pattern;

/* The dearest. prices: of each tariff; order: room for as many numbers. */
void lls_pattern_dearest(const lls_search *search, const double *prices, uint32_t class_number,
                         uint32_t *order, lls_pattern *pattern);

/* --- prices.c: the Lagrangian bound ------------------------------------------------------- */

typedef struct lls_prices {
    double *tariffs; /* price of each GPU that a replica uses */
    double *flow;    /* of each part: probability that a path through the application has it */
    double *limits;  /* of each application's limit */
    double *factors; /* of latency, by menu and configuration */
    double bound;    /* no plan is below */
    double rest;     /* bound less the least of each menu */
    double fixed;    /* rest, and what the GPUs are paid */
} lls_prices;

/* The search for prices. */
typedef struct lls_pricing {
    lls_search *search;
    lls_prices now, best;
    lls_times times;       /* of the cheapest options at `now`, or of the mean of the program's */
    uint32_t *choice;      /* the cheapest options */
    lls_pattern *patterns; /* of each class of GPUs, the dearest at `now` */
    uint32_t *order;       /* room for the tariffs */
    bool *path;            /* room for the parts */
    struct lls_master *master;
    uint32_t shifts; /* of the flow so far */
    bool done;
} lls_pricing;

/* Prices at which the bound is that of the fastest items, then the best in proportion to size. */
/* false: no memory; to be finished all the same. */
bool lls_pricing_init(lls_pricing *pricing, lls_search *search);
void lls_pricing_finish(lls_pricing *pricing);
/* So many rounds of the configuration program; `best` is the best so far. */
void lls_pricing_improve(lls_pricing *pricing, uint32_t rounds);
/* What an option of a menu costs, the price of what it takes times scale. */
double lls_prices_cost(const lls_prices *prices, const lls_search *search, uint32_t menu,
                       uint32_t option, double scale);
/* The cheapest option of a menu, the prices times scale; cost may be NULL. */
uint32_t lls_prices_cheapest(const lls_prices *prices, const lls_search *search, uint32_t menu,
                             double scale, double *cost);

/* --- knapsack.c: bounds by one resource ----------------------------------------------------- */

enum { LLS_BY_SHARE, LLS_BY_MEMORY, LLS_BY_BANDWIDTH, LLS_BY_PRICE };

/* The least that one item of each menu costs when they take no more of the resource than all GPUs
 * have together. false: no memory. */
bool lls_knapsack_bound(const lls_search *search, const lls_prices *prices, uint32_t resource,
                        double *bound);

/* --- heuristic.c -------------------------------------------------------------------------- */

typedef struct lls_proposal {
    lls_search *search;
    lls_times times;
    lls_packing packing, spare;
    uint32_t *choice;
    double objective;
} lls_proposal;

/* false: no memory; to be finished all the same. */
bool lls_proposal_init(lls_proposal *draft, lls_search *search);
void lls_proposal_finish(lls_proposal *draft);
/* Keeps what packing holds if it is better than the best so far; its choice must be complete. */
bool lls_search_offer(lls_search *search, const lls_packing *packing, lls_times *times);
/* A choice that fits, from the prices; false: none was found. */
bool lls_proposal_make(lls_proposal *draft, const lls_prices *prices);
/* What single changes and pairs of them make of it, then of plans near the best until so many nodes
 * are visited; offered as it goes. false: no memory. */
bool lls_proposal_polish(lls_proposal *draft, const lls_prices *prices, uint64_t until);

/* --- branch.c ----------------------------------------------------------------------------- */

/* Finds the best plan or proves that the best so far is. *why: "" where it did, else the reason.
 * false: no memory. */
bool lls_branch(lls_search *search, const lls_prices *prices, const char **why);

/* --- solve.c and shortage.c ------------------------------------------------------------------ */

/* lls_solve() that does not explain why there is no plan: `proved` says whether that is certain. */
llmsched_status lls_solve_once(const lls_place_problem *problem, const lls_solve_options *options,
                               bool first_suffices, lls_solution *solution, llmsched_error *err);
/* Fills in binding, reason and lift of a problem without a plan; LLMSCHED_ERROR_MEMORY. */
llmsched_status lls_shortage_explain(const lls_place_problem *problem, lls_solution *solution);

#endif
