/* SPDX-License-Identifier: Apache-2.0 */
#include "quantify/law.h"

#include <math.h>

/* Probability of [least, mean]. */
static double lower_share(const lls_law *law)
{
    return law->most > law->least ? (law->most - law->mean) / (law->most - law->least) : 1;
}

double lls_law_draw(const lls_law *law, double side, double place)
{
    if (law->most <= law->least)
        return law->mean;
    return side < lower_share(law) ? law->least + place * (law->mean - law->least)
                                   : law->mean + place * (law->most - law->mean);
}

/* E[max(0, x - U)] for U even over [a, b]. */
static double even_shortfall(double a, double b, double x)
{
    if (x <= a)
        return 0;
    if (x >= b)
        return x - (a + b) / 2;
    return (x - a) * (x - a) / (2 * (b - a));
}

double lls_law_shortfall(const lls_law *law, double x)
{
    double lower = lower_share(law);
    return lower * even_shortfall(law->least, law->mean, x) +
           (1 - lower) * even_shortfall(law->mean, law->most, x);
}

/* E[exp(t U)] = exp(t a) (exp(d) - 1) / d with d = t (b - a). */
static double even_exponential(double a, double b, double t)
{
    double d = t * (b - a);
    return exp(t * a) * (fabs(d) > 0 ? expm1(d) / d : 1);
}

double lls_law_exponential(const lls_law *law, double t)
{
    double lower = lower_share(law);
    return lower * even_exponential(law->least, law->mean, t) +
           (1 - lower) * even_exponential(law->mean, law->most, t);
}
