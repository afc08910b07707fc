/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the work of a stage lies inside one of its classes: in [least, most], so spread that the mean
 * holds. With probability (most - mean) / (most - least) evenly over [least, mean], else evenly
 * over [mean, most]. All three equal: that value.
 */
#ifndef LLS_QUANTIFY_LAW_H
#define LLS_QUANTIFY_LAW_H

typedef struct lls_law {
    double least, mean, most;
} lls_law;

/* Value of X at two even numbers in [0, 1): which side, and where in it. */
double lls_law_draw(const lls_law *law, double side, double place);
/* E[max(0, x - X)]. */
double lls_law_shortfall(const lls_law *law, double x);
/* E[exp(t X)] */
double lls_law_exponential(const lls_law *law, double t);

#endif
