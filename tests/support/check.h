/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests share beside CMocka: doubles (CMocka 1.1.5 compares floats)
 * and statuses, shown by name.
 */
#ifndef LLS_TEST_CHECK_H
#define LLS_TEST_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "llmsched/base.h"

/* |a - b| <= tolerance * max(1, |a|, |b|) */
static inline int lls_close(double a, double b, double tolerance)
{
    double scale = fmax(1.0, fmax(fabs(a), fabs(b)));
    return a == b || fabs(a - b) <= tolerance * scale;
}

#define assert_double_equal(a, b, tolerance)                                                       \
    do {                                                                                           \
        double lls_a = (a), lls_b = (b);                                                           \
        if (!lls_close(lls_a, lls_b, (tolerance))) {                                               \
            print_error("%s:%d: %s = %.17g, %s = %.17g\n", __FILE__, __LINE__, #a, lls_a, #b,      \
                        lls_b);                                                                    \
            fail();                                                                                \
        }                                                                                          \
    } while (0)

/* The expected status, else its name and message. err: a llmsched_error the call wrote to. */
#define assert_status(expected, call, err)                                                         \
    do {                                                                                           \
        llmsched_status lls_status = (call);                                                       \
        if (lls_status != (expected)) {                                                            \
            print_error("%s:%d: %s gave %s (%s), expected %s\n", __FILE__, __LINE__, #call,        \
                        llmsched_status_name(lls_status), (err).message,                           \
                        llmsched_status_name(expected));                                           \
            fail();                                                                                \
        }                                                                                          \
    } while (0)

#define assert_ok(call, err) assert_status(LLMSCHED_OK, call, err)

/* A failure with this status whose message holds the words. */
#define assert_fails(expected, words, call, err)                                                   \
    do {                                                                                           \
        assert_status(expected, call, err);                                                        \
        if (strstr((err).message, (words)) == NULL) {                                              \
            print_error("%s:%d: message \"%s\" lacks \"%s\"\n", __FILE__, __LINE__, (err).message, \
                        (words));                                                                  \
            fail();                                                                                \
        }                                                                                          \
    } while (0)

#endif
