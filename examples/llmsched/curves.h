/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Published engine profiles made into models with curves ("llmsched-models-1"). A reader of one
 * form of profile adds curves; what all share, such as memory and bandwidth, is worked out here.
 */
#ifndef CURVES_H
#define CURVES_H

#include <stdio.h>

#include "architecture.h"
#include "options.h"
#include "program.h"

/* No degree or batch of a profile is larger. */
#define MOST_TP 1024.0
#define MOST_BATCH 1e6

struct curve_point {
    double batch;   /* 0 in a prefill table */
    double context; /* tokens; of the prompt in a prefill table */
    double seconds; /* of a prompt, or per output token of each request */
};

struct curve_points {
    struct curve_point *items;
    size_t count, capacity;
};

/* One way to run a model. Tables, or where both are empty the linear form. */
struct curve {
    const char *gpu;
    uint32_t tp;
    double share;
    uint32_t max_batch;
    double prefill_base_s, prefill_per_token_s;
    double decode_base_s, decode_per_request_s, decode_per_request_token_s;
    struct curve_points prefill, decode;
};

struct curve_model {
    const char *name;
    const struct architecture *architecture; /* may be NULL */
    double bytes_per_weight;                 /* 0: not known */
    struct curve *curves;
    size_t count, capacity;
};

/* What the command line asks for; 0 and NULL: not given. */
struct curve_request {
    const char *form, *model, *name, *gpu, *backend, *precision, *out;
    double weight_bytes, kv_bytes_per_token, kv_floor_bytes, runtime_bytes, context;
    uint64_t max_batch;
    struct architecture given;
    struct values files;
};

struct curve_job {
    struct curve_request request;
    struct arena arena; /* of names */
    struct curve_model *models;
    size_t count, capacity;
    const char *source; /* what the times are, for the file and the user */
    bool simulated;     /* and not measured */
    size_t left_out;    /* combinations that the files do not have in full */
    const char *why;    /* of the last of them */
    struct problem *problem;
};

typedef bool (*curve_reader)(struct curve_job *job);

/* Each reads the request's files and adds the models that they hold. */
bool curves_distserve(struct curve_job *job);
bool curves_muxserve(struct curve_job *job);
bool curves_silicon(struct curve_job *job);
bool curves_ops(struct curve_job *job);
bool curves_vidur(struct curve_job *job);
bool curves_helix(struct curve_job *job);
bool curves_blis(struct curve_job *job);

/* True when the request names no model, or one that this name contains. */
bool curve_wants(const struct curve_job *job, const char *model);
/* True when the request names no kind of GPU, or this one. */
bool curve_wants_gpu(const struct curve_job *job, const char *kind);
/* The model of this name, added where it is new. */
struct curve_model *curve_model_of(struct curve_job *job, const char *name, const char *precision);
/* A curve with share 1, added to the model; valid until the next. The request's kind of GPU goes
 * before the one given. */
struct curve *curve_add(struct curve_job *job, struct curve_model *model, const char *gpu,
                        uint32_t tp);
void curve_put(struct curve_points *points, double batch, double context, double seconds);
/* Counts a combination that the files do not have in full. */
void curve_left_out(struct curve_job *job, const char *why);
/* Facts of the model by the command line, then by its name. */
const struct architecture *curve_architecture(struct curve_job *job, const char *model);
/* As sprintf, into the job's memory. */
const char *curve_text(struct curve_job *job, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Forms of a composed curve (curves_layers.c): milliseconds of one step of `tokens` tokens; NAN
 * where the parts are not all there. */
struct curve_steps {
    void *parts;
    double (*prefill_ms)(const struct curve_steps *steps, double tokens);
    double (*decode_ms)(const struct curve_steps *steps, double batch, double context);
    double most_tokens; /* of a prompt */
};
/* Tables at round places, as far as the parts reach; false where there are too few. */
bool curve_compose(struct curve *curve, const struct curve_steps *steps);

#endif
