/* SPDX-License-Identifier: Apache-2.0 */
/* Multiplies out what joint.c has planned: quickly, and where numbers got lost once more, widely.
 */
#include "bayes/inference.h"
#include "bayes/wide.h"

#include <math.h>

/* One bucket as it is multiplied out. */
typedef struct task {
    uint32_t bucket;
    uint32_t skip; /* 1 when the first place of each factor is the one summed out, else 0 */
    uint32_t dims; /* of the separator */
    uint32_t places[LLS_MAX_DIMENSIONS];
    size_t extents[LLS_MAX_DIMENSIONS];
    size_t columns;
    double *clique, *message;
    size_t exponents; /* 0, or how far behind them exponents stand */
} task;

/* The b-th bucket, or after all others that of the nodes asked for. */
static void set_task(const lls_joint *j, uint32_t bucket, uint32_t count, task *t)
{
    const lls_elimination *e = &j->elimination;
    const bool last = bucket == e->order_count;
    const uint32_t begin = e->separator_start[bucket];
    t->bucket = bucket;
    t->skip = !last;
    t->dims = last ? count : e->separator_start[bucket + 1] - begin;
    t->columns = 1;
    for (uint32_t d = 0; d < t->dims; d++) {
        t->places[d] = last ? e->order_count + d : e->separators[begin + d];
        t->columns *= t->extents[d] = j->extents[t->places[d]];
    }
}

/* Says how the factors that wait in the bucket are read. Returns their number. */
static uint32_t bind(lls_joint *j, const task *t)
{
    uint32_t operands = 0;
    for (uint32_t i = j->head[t->bucket]; i != LLS_NONE32; i = j->factors[i].next, operands++) {
        const lls_joint_factor *f = &j->factors[i];
        lls_operand *o = &j->operands[operands];
        lls_loop *loops = j->loops + (size_t)operands * t->dims;
        lls_scope scope = {j->places + f->scope + t->skip, j->strides + f->scope + t->skip,
                           f->count - t->skip};
        o->data = f->data != NULL ? f->data : j->arena + f->message;
        o->row_stride = t->skip ? j->strides[f->scope] : 0;
        o->loops = loops;
        o->loop_count = lls_loops_build(t->places, t->extents, t->dims, scope, loops);
    }
    return operands;
}

static void run_widely(lls_joint *j, const task *t, size_t rows)
{
    double *exponents = t->clique + t->exponents;
    const lls_operand *o = j->operands;
    lls_wide_begin(t->clique, exponents, rows * t->columns, 0.0);
    for (uint32_t i = j->head[t->bucket]; i != LLS_NONE32; i = j->factors[i].next, o++) {
        const lls_joint_factor *f = &j->factors[i];
        lls_wide_multiply(t->clique, exponents, rows, t->columns, o,
                          f->told != NULL ? f->told : o->data,
                          f->data == NULL ? o->data + t->exponents : NULL);
    }
    lls_wide_sum(t->clique, exponents, rows, t->columns, t->message, t->message + t->exponents);
}

/* Returns the power of two that was taken out. */
static int64_t run_bucket(lls_joint *j, const task *t)
{
    const uint32_t operands = bind(j, t);
    const size_t rows = t->skip ? j->extents[t->bucket] : 1;
    int64_t exponent = 0;
    if (t->exponents > 0)
        run_widely(j, t, rows);
    else
        lls_sum_product(j->operands, operands, rows, t->columns, t->clique, t->message, &exponent);
    return exponent;
}

/*
 * The table of the nodes asked for, not normalised. Returns a power of two that P(evidence) is at
 * least, as far as it is below 1; for the wide way it says nothing.
 */
static int64_t run_plan(lls_joint *j, uint32_t count, const lls_joint_plan *plan, bool widely)
{
    const uint32_t last = j->elimination.order_count;
    task t = {.message = j->arena, .clique = j->arena + plan->messages};
    int64_t least = 0;
    if (widely)
        t.exponents = plan->messages + plan->clique + plan->size;
    for (uint32_t b = 0; b <= last; b++) {
        set_task(j, b, count, &t);
        if (b == last)
            t.message = t.clique + plan->clique;
        const int64_t exponent = run_bucket(j, &t);
        least += exponent < 0 ? exponent : 0;
        if (t.dims == 0 && t.message[0] < 1.0) /* a part without nodes asked for */
            least += t.message[0] > 0.0 ? ilogb(t.message[0]) : LLS_LEAST_EXPONENT - 1;
        t.message += t.columns;
    }
    return least;
}

static bool reserve_plan(lls_joint *j, const lls_joint_plan *p)
{
    return lls_grow(j->context, (void **)&j->operands, &j->operand_capacity, p->operands,
                    sizeof *j->operands) &&
           lls_grow(j->context, (void **)&j->loops, &j->loop_capacity, p->loops,
                    sizeof *j->loops) &&
           lls_grow(j->context, (void **)&j->arena, &j->arena_capacity,
                    p->messages + p->clique + p->size, sizeof *j->arena);
}

/* Once more where numbers got lost that might matter; all powers of two beside the table's sum. */
static llmsched_status run_again(lls_joint *j, uint32_t count, const lls_joint_plan *plan,
                                 llmsched_error *err)
{
    const uint64_t size = plan->messages + plan->clique + plan->size;
    double sum, exponent;
    if (!lls_grow(j->context, (void **)&j->arena, &j->arena_capacity, 2 * size, sizeof *j->arena))
        return lls_fail_memory(err);
    (void)run_plan(j, count, plan, true);
    double *result = j->arena + plan->messages + plan->clique;
    lls_wide_sum(result, result + size, plan->size, 1, &sum, &exponent);
    if (!(sum > 0.0))
        return lls_fail(err, LLMSCHED_ERROR_IMPOSSIBLE, "the evidence has probability zero");
    return LLMSCHED_OK;
}

llmsched_status lls_joint_run(llmsched_inference *inference, uint32_t count,
                              const lls_joint_plan *plan, const double **table, llmsched_error *err)
{
    lls_joint *j = &inference->joint;
    if (!reserve_plan(j, plan))
        return lls_fail_memory(err);
    const int64_t least = run_plan(j, count, plan, false);
    double *result = j->arena + plan->messages + plan->clique;
    double sum = lls_row_sum(result, plan->size);
    if (!(sum > 0.0) || least + ilogb(sum) < LLS_LEAST_EXPONENT) {
        llmsched_status status = run_again(j, count, plan, err);
        if (status != LLMSCHED_OK)
            return status;
        result = j->arena + plan->messages + plan->clique;
        sum = lls_row_sum(result, plan->size);
    }
    for (uint64_t i = 0; i < plan->size; i++)
        result[i] /= sum;
    *table = result;
    return LLMSCHED_OK;
}
