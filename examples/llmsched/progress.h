/* SPDX-License-Identifier: Apache-2.0 */
/* A progress bar on standard error, where that is a terminal. */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *label;
    uint64_t done, total;
    bool shown;  /* standard error is a terminal */
    int percent; /* drawn last; -1: nothing */
};

void progress_start(struct progress *progress, const char *label, uint64_t total);
void progress_step(struct progress *progress, uint64_t done);
void progress_end(struct progress *progress); /* leaves a clean line */

#endif
