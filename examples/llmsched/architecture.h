/* SPDX-License-Identifier: Apache-2.0 */
/* What is published about models and GPUs, for profiles that hold times only. */
#ifndef ARCHITECTURE_H
#define ARCHITECTURE_H

#include <stdbool.h>

/* A decoder of equal layers. 0: not known. */
struct architecture {
    const char *name; /* as in model names, in small letters */
    double parameters;
    double weight_bytes; /* where the published weights mix precisions; else 0 */
    double layers, hidden, heads, kv_heads, head_dim, ffn, vocabulary;
};

/* By the longest name that the model's contains; NULL for none. */
const struct architecture *architecture_find(const char *model);

/* Bytes a weight takes, by the name of a precision, such as "fp8"; 0 for one that is not known. */
double precision_bytes(const char *precision);

/* Peak bytes per second of a GPU's memory, by its kind; 0 for an unknown one. */
double gpu_bandwidth(const char *kind);

/* True when the text contains the part, letters' case aside. */
bool contains_word(const char *text, const char *part);

#endif
