/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Revised simplex with a dense inverse of the basis.
 */
#include "place/master.h"

/* Entries smaller than this are none, and gains smaller than this no gains. */
static const double SMALLEST_PIVOT = 1e-9, SMALLEST_GAIN = 1e-9;

bool lls_master_init(lls_master *master, const llmsched_context *context, uint32_t rows)
{
    *master = (lls_master){.context = context, .rows = rows};
    master->inverse = lls_calloc(context, (size_t)rows * rows, sizeof *master->inverse);
    master->values = lls_calloc(context, rows, sizeof *master->values);
    master->duals = lls_calloc(context, rows, sizeof *master->duals);
    master->entering = lls_calloc(context, rows, sizeof *master->entering);
    master->basis = lls_calloc(context, rows, sizeof *master->basis);
    if (master->inverse != NULL && master->values != NULL && master->duals != NULL &&
        master->entering != NULL && master->basis != NULL)
        return true;
    lls_master_finish(master);
    return false;
}

void lls_master_finish(lls_master *master)
{
    if (master->context == NULL)
        return;
    lls_free(master->context, master->inverse);
    lls_free(master->context, master->values);
    lls_free(master->context, master->duals);
    lls_free(master->context, master->entering);
    lls_free(master->context, master->basis);
    *master = (lls_master){.context = master->context};
}

void lls_master_start(lls_master *master, uint32_t row, double entry, double cost, double side)
{
    master->inverse[(size_t)row * master->rows + row] = entry;
    master->values[row] = side * entry;
    master->duals[row] = cost * entry;
    master->basis[row] = (lls_column){.cost = cost, .count = 1, .tag = LLS_NONE32};
    master->basis[row].rows[0] = row;
    master->basis[row].values[0] = entry;
}

double lls_master_reduced(const lls_master *master, const lls_column *column)
{
    double reduced = column->cost;
    for (uint32_t i = 0; i < column->count; i++)
        reduced -= master->duals[column->rows[i]] * column->values[i];
    return reduced;
}

static void express(lls_master *master, const lls_column *column)
{
    for (uint32_t r = 0; r < master->rows; r++) {
        const double *inverse = master->inverse + (size_t)r * master->rows;
        double sum = 0.0;
        for (uint32_t i = 0; i < column->count; i++)
            sum += inverse[column->rows[i]] * column->values[i];
        master->entering[r] = sum;
    }
}

/* The row whose column leaves first as the new one grows; of equal ones the largest pivot. */
static uint32_t find_leaving(const lls_master *master)
{
    uint32_t leaving = LLS_NONE32;
    double least = HUGE_VAL;
    for (uint32_t r = 0; r < master->rows; r++) {
        if (master->entering[r] <= SMALLEST_PIVOT)
            continue;
        double value = master->values[r] > 0.0 ? master->values[r] : 0.0;
        double ratio = value / master->entering[r];
        if (leaving == LLS_NONE32 || ratio < least - 1e-12 ||
            (ratio < least + 1e-12 && master->entering[r] > master->entering[leaving])) {
            least = ratio < least ? ratio : least;
            leaving = r;
        }
    }
    return leaving;
}

static void pivot(lls_master *master, uint32_t leaving)
{
    size_t rows = master->rows;
    double *own = master->inverse + (size_t)leaving * rows, step = master->entering[leaving];
    for (uint32_t i = 0; i < rows; i++)
        own[i] /= step;
    master->values[leaving] /= step;
    for (uint32_t r = 0; r < rows; r++) {
        double factor = master->entering[r];
        if (r == leaving || factor == 0.0)
            continue;
        double *inverse = master->inverse + r * rows;
        for (uint32_t i = 0; i < rows; i++)
            inverse[i] -= factor * own[i];
        master->values[r] -= factor * master->values[leaving];
    }
}

bool lls_master_enter(lls_master *master, const lls_column *column)
{
    double reduced = lls_master_reduced(master, column);
    if (!(reduced < -SMALLEST_GAIN * (1.0 + fabs(column->cost))))
        return false;
    express(master, column);
    uint32_t leaving = find_leaving(master);
    if (leaving == LLS_NONE32)
        return false;
    pivot(master, leaving);
    master->basis[leaving] = *column;
    const double *own = master->inverse + (size_t)leaving * master->rows;
    for (uint32_t i = 0; i < master->rows; i++)
        master->duals[i] += reduced * own[i];
    return true;
}

void lls_master_price(lls_master *master)
{
    for (uint32_t i = 0; i < master->rows; i++)
        master->duals[i] = 0.0;
    for (uint32_t r = 0; r < master->rows; r++) {
        const double *inverse = master->inverse + (size_t)r * master->rows;
        for (uint32_t i = 0; i < master->rows; i++)
            master->duals[i] += master->basis[r].cost * inverse[i];
    }
}

double lls_master_cost(const lls_master *master)
{
    double cost = 0.0;
    for (uint32_t r = 0; r < master->rows; r++)
        cost += master->basis[r].cost * master->values[r];
    return cost;
}
