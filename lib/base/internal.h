/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lib/base offers to the rest of the library. Nothing here is exported.
 */
#ifndef LLS_BASE_INTERNAL_H
#define LLS_BASE_INTERNAL_H

#include "llmsched/base.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>

#define LLS_UNUSED(x) ((void)(x))
#define LLS_COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define LLS_NONE32 UINT32_MAX

#if defined(__GNUC__) || defined(__clang__)
#define LLS_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define LLS_PRINTF(f, a)
#endif

/* --- context.c: allocator, log, limits; shared by count ----------------- */

struct llmsched_context {
    atomic_uint_fast32_t references;
    llmsched_allocator allocator;
    llmsched_log_fn log;
    void *log_user;
    uint32_t max_stages;
    uint32_t cpu; /* LLS_CPU_* */
    uint64_t max_table;
};

/* --- cpu.c --------------------------------------------------------------- */

enum {
    LLS_CPU_POPCNT = 1,  /* bits of a word */
    LLS_CPU_VPOPCNT = 2, /* and of the eight words of a register of AVX-512 */
    LLS_CPU_AVX2 = 4,
    LLS_CPU_AVX512 = 8, /* its foundation */
};
uint32_t lls_cpu_features(void);

/* --- context.c ----------------------------------------------------------- */

/* Each object that keeps a context holds one reference. */
llmsched_context *lls_context_retain(const llmsched_context *context);
void lls_context_release(llmsched_context *context);

/* --- status.c: errors and sized structs --------------------------------- */

/* Fills err (when not NULL) and returns status; the message is one line. */
llmsched_status lls_fail(llmsched_error *err, llmsched_status status, const char *format, ...)
    LLS_PRINTF(3, 4);
llmsched_status lls_fail_at(llmsched_error *err, llmsched_status status, uint64_t line,
                            uint64_t column, const char *format, ...) LLS_PRINTF(5, 6);
llmsched_status lls_fail_memory(llmsched_error *err);
/* Puts "where: " before the message already in err and sets its line. */
void lls_error_prefix(llmsched_error *err, uint64_t line, const char *format, ...) LLS_PRINTF(3, 4);

/*
 * Copies a caller's sized struct into one of this library's version, the
 * missing tail cleared. Refuses a size under smallest (the first version's)
 * or over 4096, and non-zero bytes beyond what this library knows
 * (LLMSCHED_ERROR_VERSION, with a message that says which side is old).
 * from NULL: all zero, size set. name is for the message.
 */
llmsched_status lls_sized_in(void *to, size_t to_size, const void *from, size_t smallest,
                             const char *name, llmsched_error *err);
/* Copies the library's struct out to a caller's, at most *(uint32_t *)to bytes; size kept. */
llmsched_status lls_sized_out(void *to, const void *from, size_t from_size, size_t smallest,
                              const char *name, llmsched_error *err);

/* --- memory.c: all memory of the library -------------------------------- */

/* Cleared memory for count items; NULL also when count * size overflows. count 0 gives a pointer
 * that may be released. */
void *lls_calloc(const llmsched_context *context, size_t count, size_t size);
/* Memory that is not cleared. */
void *lls_allocate(const llmsched_context *context, size_t bytes);
/* Makes *items hold at least need items (doubling); new room is NOT cleared. false: as before. */
bool lls_grow(const llmsched_context *context, void **items, uint32_t *capacity, size_t need,
              size_t item_size);
char *lls_strdup(const llmsched_context *context, const char *text);
void lls_free(const llmsched_context *context, void *ptr);

/* --- pool.c: blocks that are used again ---------------------------------- */

/* Blocks up to the most come in slabs, by size class; larger ones one by one, in powers of two.
 * What is larger than the largest comes from the allocator and goes back to it. */
enum {
    LLS_POOL_STEP = 32,
    LLS_POOL_CLASSES = 64,
    LLS_POOL_MOST = LLS_POOL_STEP * LLS_POOL_CLASSES,
    LLS_POOL_LARGE_CLASSES = 9,
    LLS_POOL_LARGEST = LLS_POOL_MOST << LLS_POOL_LARGE_CLASSES
};

/* What has been given back waits for the next of its size, so that a steady coming and going asks
 * the allocator for nothing. */
typedef struct lls_pool {
    const llmsched_context *context; /* borrowed from the owner */
    struct lls_pool_block *free[LLS_POOL_CLASSES + LLS_POOL_LARGE_CLASSES];
    uint32_t made[LLS_POOL_CLASSES];  /* blocks of each size */
    uint32_t uncut[LLS_POOL_CLASSES]; /* those of them not cut off yet, from here on */
    char *cut_from[LLS_POOL_CLASSES];
    struct lls_pool_block *slabs;
} lls_pool;

void lls_pool_init(lls_pool *pool, const llmsched_context *context);
/* All blocks over LLS_POOL_LARGEST must have been given back; the others are used no more. */
void lls_pool_finish(lls_pool *pool);
/* NULL: no memory. take clears it. */
void *lls_pool_allocate(lls_pool *pool, size_t bytes);
void *lls_pool_take(lls_pool *pool, size_t bytes);
/* bytes: as when it was taken. NULL does nothing. */
void lls_pool_give(lls_pool *pool, void *block, size_t bytes);

/* --- pieces.c: an array that moves nothing when it grows ------------------ */

/* Where memory comes from and goes back to. */
typedef struct lls_source {
    const llmsched_context *context;
    lls_pool *pool; /* NULL: from the allocator */
} lls_source;

void *lls_source_take(lls_source from, size_t bytes); /* cleared */
void lls_source_give(lls_source from, void *block, size_t bytes);

enum { LLS_FIRST_PIECE = 2 };

typedef struct lls_pieces {
    void *first;   /* LLS_FIRST_PIECE items */
    void **others; /* each twice as long as the one before */
    uint32_t count;
} lls_pieces;

static inline uint32_t lls_pieces_room(const lls_pieces *p)
{
    return ((uint32_t)LLS_FIRST_PIECE << p->count) - LLS_FIRST_PIECE;
}

/* There must be room for it. */
static inline void *lls_pieces_at(const lls_pieces *p, uint32_t i, size_t item_size)
{
    uint32_t past = i + LLS_FIRST_PIECE, piece = 30 - (uint32_t)__builtin_clz(past);
    char *base = piece == 0 ? p->first : p->others[piece - 1];
    return base + (past - ((uint32_t)LLS_FIRST_PIECE << piece)) * item_size;
}

/* Room for so many items, which is not cleared. false: no memory; what is there stays. */
bool lls_pieces_reserve(lls_pieces *p, lls_source from, uint32_t items, size_t item_size);
void lls_pieces_finish(lls_pieces *p, lls_source from, size_t item_size);

/* --- map.c: byte string -> uint32_t, open addressing, deterministic ----- */

typedef struct lls_map {
    const llmsched_context *context; /* borrowed from the owner */
    struct lls_map_slot *slots;
    uint32_t capacity; /* power of two or 0 */
    uint32_t count;
} lls_map;

void lls_map_init(lls_map *map, const llmsched_context *context);
void lls_map_finish(lls_map *map);
/* Keys are copied. put replaces. Returns false when memory ran out (nothing changed). */
bool lls_map_put(lls_map *map, const void *key, size_t length, uint32_t value);
/* LLS_NONE32 when the key is not there. */
uint32_t lls_map_get(const lls_map *map, const void *key, size_t length);
bool lls_map_remove(lls_map *map, const void *key, size_t length);
/* The same with a 64-bit number or a C string as the key. */
bool lls_map_put_u64(lls_map *map, uint64_t key, uint32_t value);
uint32_t lls_map_get_u64(const lls_map *map, uint64_t key);
bool lls_map_remove_u64(lls_map *map, uint64_t key);
bool lls_map_put_str(lls_map *map, const char *key, uint32_t value);
uint32_t lls_map_get_str(const lls_map *map, const char *key);

/* --- heap.c: indexed binary heap of uint32_t items ---------------------- */

/* <0: a goes first. Must be a total order (ties end in ids). */
typedef int (*lls_heap_compare)(const void *user, uint32_t a, uint32_t b);

typedef struct lls_heap {
    const llmsched_context *context;
    lls_heap_compare compare;
    const void *user;
    uint32_t *items;     /* heap order */
    uint32_t *positions; /* item -> place in items, LLS_NONE32: not in the heap */
    uint32_t count, capacity, position_capacity;
} lls_heap;

void lls_heap_init(lls_heap *heap, const llmsched_context *context, lls_heap_compare compare,
                   const void *user);
void lls_heap_finish(lls_heap *heap);
/* Makes push of any item < items unable to fail. */
bool lls_heap_reserve(lls_heap *heap, uint32_t items);
bool lls_heap_push(lls_heap *heap, uint32_t item);
void lls_heap_remove(lls_heap *heap, uint32_t item); /* nothing if it is not there */
void lls_heap_update(lls_heap *heap, uint32_t item); /* its key changed; nothing if not there */
bool lls_heap_contains(const lls_heap *heap, uint32_t item);
uint32_t lls_heap_top(const lls_heap *heap); /* LLS_NONE32 when empty */
/* --- ranking.c: indexed heap of things by key ----------------------------- */

/* Whether a goes first where keys are equal: must decide every tie. */
typedef bool (*lls_ranking_before)(const void *a, const void *b);
typedef bool (*lls_ranking_wanted)(const void *user, const void *item);

typedef struct lls_ranking {
    lls_source from;
    lls_ranking_before before;
    size_t place; /* offset of an uint32_t of the items, 0 while they are not in */
    lls_pieces entries;
    uint32_t count;
} lls_ranking;

void lls_ranking_init(lls_ranking *r, lls_source from, lls_ranking_before before, size_t place);
/* Items that are in it are left as they are. */
void lls_ranking_finish(lls_ranking *r);
/* Room for so many items, without which none may be put in. */
bool lls_ranking_reserve(lls_ranking *r, uint32_t items);
bool lls_ranking_contains(const lls_ranking *r, const void *item);
/* Puts the item in, or changes its key, which is not NaN. */
void lls_ranking_put(lls_ranking *r, void *item, double key);
void lls_ranking_remove(lls_ranking *r, void *item); /* nothing if it is not in */
/* The i-th, in an order that means nothing but that the least key is at 0; NULL: there are fewer.
 */
void *lls_ranking_at(const lls_ranking *r, uint32_t i);
double lls_ranking_least(const lls_ranking *r);                 /* there must be one */
double lls_ranking_key(const lls_ranking *r, const void *item); /* it must be in */
/* The first item that is wanted, NULL if none is. Looks at no more than four times as many items
 * as are not wanted, and one. */
void *lls_ranking_first(const lls_ranking *r, lls_ranking_wanted wanted, const void *user);

/* --- nodes.c: hash table of things that hold their own links -------------- */

typedef struct lls_node {
    struct lls_node *next;
    uint64_t hash;
} lls_node;

typedef struct lls_nodes {
    lls_source from;
    lls_pieces buckets;
    uint32_t size, count; /* buckets in use, nodes */
} lls_nodes;

void lls_nodes_init(lls_nodes *nodes, lls_source from);
/* Nodes that are in it are left as they are. */
void lls_nodes_finish(lls_nodes *nodes);
/* Room for one more node, without which none may be added. */
bool lls_nodes_reserve(lls_nodes *nodes);
void lls_nodes_add(lls_nodes *nodes, lls_node *node, uint64_t hash);
/* Nodes of this hash, one after another, in an order that means nothing; NULL: no more. */
lls_node *lls_nodes_first(const lls_nodes *nodes, uint64_t hash);
lls_node *lls_nodes_next(const lls_node *node);
void lls_nodes_remove(lls_nodes *nodes, lls_node *node);
/* Any node that is left, to take it down by. */
lls_node *lls_nodes_any(lls_nodes *nodes);

/* --- treap.c: search tree of things that hold their own links -------------- */

typedef struct lls_leaf {
    struct lls_leaf *left, *right;
    uint32_t priority;
} lls_leaf;

typedef struct lls_treap {
    lls_leaf *root;
    bool (*before)(const lls_leaf *a, const lls_leaf *b); /* a total order */
    void (*sum_up)(lls_leaf *leaf); /* what is below it, or it alone, has changed */
} lls_treap;

/* Priorities should look drawn by lot. */
void lls_treap_add(lls_treap *t, lls_leaf *leaf, uint32_t priority);
void lls_treap_remove(lls_treap *t, lls_leaf *leaf); /* it must be in */

/* --- random.c ----------------------------------------------------------- */

uint64_t lls_fnv1a64(const void *bytes, size_t length,
                     uint64_t state); /* first state: LLS_FNV_OFFSET */
#define LLS_FNV_OFFSET UINT64_C(14695981039346656037)
uint64_t lls_splitmix64(uint64_t *state);
typedef struct lls_random {
    uint64_t state[4];
} lls_random; /* xoshiro256** seeded by splitmix64 */
void lls_random_seed(lls_random *random, uint64_t seed);
uint64_t lls_random_next(lls_random *random);
double lls_random_uniform(lls_random *random);                 /* [0, 1), 53 bits */
uint32_t lls_random_below(lls_random *random, uint32_t bound); /* unbiased; bound > 0 */

/* --- numerics.c: the only user of GSL ----------------------------------- */

double lls_lgamma(double x);                   /* ln Gamma(x), x > 0 */
double lls_xlogx(double x);                    /* x ln x, 0 at 0 */
double lls_entropy(const double *p, size_t n); /* -sum p ln p in nats, never negative */
/* A sum with compensation (Neumaier) that can go on; zeros: nothing yet. */
typedef struct lls_total {
    double sum, rest;
} lls_total;
void lls_total_add(lls_total *total, double value);
double lls_total_value(const lls_total *total);
/* The same over an array, in its order. */
double lls_sum(const double *values, size_t n);
/* Nearest-rank quantile of n sorted values, 0 < p <= 1. */
double lls_quantile_sorted(const double *sorted, size_t n, double p);
void lls_sort(double *values, size_t n);
/* Sorts keys, and moves values along. */
void lls_sort_pairs(double *keys, double *values, size_t n);

/* --- fourier.c ------------------------------------------------------------ */

/* roots: n doubles for transforms of n numbers, a power of two. */
void lls_fourier_roots(uint32_t n, double *roots);
/* In place: x_k becomes sum_j x_j exp(-2 pi i j k / n). */
void lls_fourier(uint32_t n, const double *roots, double *re, double *im);

/* --- text.c: text under construction, handed out as llmsched_text -------- */

struct llmsched_text {
    llmsched_context *context;
    char *data;
    size_t length;
};
/* Bytes of the UTF-8 character that text begins with; 0: it begins with none. */
size_t lls_utf8_step(const char *text, size_t length);
bool lls_utf8_valid(const char *text);
/* Copies. */
llmsched_status lls_text_create(const llmsched_context *context, const char *data, size_t length,
                                llmsched_text **text, llmsched_error *err);

/* --- json.c: the only user of cJSON -------------------------------------- */

/* A JSON value; in fact a cJSON, which no other file may know. */
typedef struct lls_json lls_json;

/*
 * Parses exactly one value (white space around it is allowed). Refuses depth over 512, a NUL
 * inside, bytes after the value, duplicate keys of one object, and numbers that are not finite. err
 * says line (counted from first_line) and column.
 */
llmsched_status lls_json_parse(const char *text, size_t length, uint64_t first_line,
                               lls_json **json, llmsched_error *err);
void lls_json_free(lls_json *json);

/* Reading. where is the path said in messages, such as "stages[3]". Each getter refuses a wrong
 * type with LLMSCHED_ERROR_PARSE: "stages[3].kind: expected a string". */
typedef enum lls_json_type {
    LLS_JSON_NULL,
    LLS_JSON_BOOL,
    LLS_JSON_NUMBER,
    LLS_JSON_STRING,
    LLS_JSON_ARRAY,
    LLS_JSON_OBJECT
} lls_json_type;
lls_json_type lls_json_kind(const lls_json *json);
const lls_json *lls_json_member(const lls_json *object,
                                const char *key); /* NULL: absent or null or no object */
uint32_t lls_json_count(const lls_json *array_or_object);
const lls_json *lls_json_first(const lls_json *array_or_object); /* iterate: O(1) a step */
const lls_json *lls_json_next(const lls_json *item);
const char *lls_json_key(const lls_json *item);          /* of an object's item */
double lls_json_value_number(const lls_json *json);      /* kind must be NUMBER */
const char *lls_json_value_string(const lls_json *json); /* kind must be STRING; borrowed */
bool lls_json_value_bool(const lls_json *json);          /* kind must be BOOL */
/* Required members. */
llmsched_status lls_json_get_string(const lls_json *object, const char *where, const char *key,
                                    const char **value, llmsched_error *err);
llmsched_status lls_json_get_number(const lls_json *object, const char *where, const char *key,
                                    double *value, llmsched_error *err);
llmsched_status lls_json_get_nonnegative(const lls_json *object, const char *where, const char *key,
                                         double *value, llmsched_error *err);
/* An integer in 0 .. max. */
llmsched_status lls_json_get_u64(const lls_json *object, const char *where, const char *key,
                                 uint64_t max, uint64_t *value, llmsched_error *err);
llmsched_status lls_json_get_array(const lls_json *object, const char *where, const char *key,
                                   const lls_json **value, llmsched_error *err);
llmsched_status lls_json_get_object(const lls_json *object, const char *where, const char *key,
                                    const lls_json **value, llmsched_error *err);
/* Optional members: as above, but absent or null leaves *value as it is. */
llmsched_status lls_json_opt_string(const lls_json *object, const char *where, const char *key,
                                    const char **value, llmsched_error *err);
llmsched_status lls_json_opt_number(const lls_json *object, const char *where, const char *key,
                                    double *value, llmsched_error *err);
llmsched_status lls_json_opt_nonnegative(const lls_json *object, const char *where, const char *key,
                                         double *value, llmsched_error *err);
llmsched_status lls_json_opt_u64(const lls_json *object, const char *where, const char *key,
                                 uint64_t max, uint64_t *value, llmsched_error *err);
/* Array of numbers into a fresh array of the context (release with lls_free). */
llmsched_status lls_json_get_numbers(const llmsched_context *context, const lls_json *object,
                                     const char *where, const char *key, double **values,
                                     uint32_t *count, llmsched_error *err);

/* Writing: build a tree, print it. NULL in, NULL out, so that a chain needs one check: each
 * add takes over the child and returns false (child freed) when memory ran out or parent is NULL.
 */
lls_json *lls_json_new_object(void);
lls_json *lls_json_new_array(void);
lls_json *lls_json_new_number(double value);
lls_json *lls_json_new_string(const char *value);
lls_json *lls_json_new_numbers(const double *values, uint32_t count);
lls_json *lls_json_new_u32s(const uint32_t *values, uint32_t count);
bool lls_json_put(lls_json *object, const char *key, lls_json *child);
bool lls_json_put_string(lls_json *object, const char *key,
                         const char *value); /* NULL value: nothing put, true */
bool lls_json_put_number(lls_json *object, const char *key, double value);
bool lls_json_append(lls_json *array, lls_json *child);
/* Numbers read back as the same double. */
llmsched_status lls_json_print(const llmsched_context *context, const lls_json *json,
                               llmsched_text **text, llmsched_error *err);

#endif
