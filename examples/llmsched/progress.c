/* SPDX-License-Identifier: Apache-2.0 */
/* The progress bar. One thread at a time; the pool sees to that. */
#include "progress.h"

#include <stdio.h>
#include <unistd.h>

enum { WIDTH = 40 };

static void draw(struct progress *progress)
{
    int percent = progress->total > 0 ? (int)(progress->done * 100 / progress->total) : 100;
    if (!progress->shown || percent == progress->percent)
        return;
    progress->percent = percent;
    char bar[WIDTH + 1];
    for (int i = 0; i < WIDTH; i++)
        bar[i] = i < percent * WIDTH / 100 ? '#' : '.';
    bar[WIDTH] = '\0';
    fprintf(stderr, "\r%-14s [%s] %3d %%", progress->label, bar, percent);
    fflush(stderr);
}

void progress_start(struct progress *progress, const char *label, uint64_t total)
{
    *progress = (struct progress){
        .label = label, .total = total, .shown = isatty(STDERR_FILENO) == 1, .percent = -1};
    draw(progress);
}

void progress_step(struct progress *progress, uint64_t done)
{
    progress->done += done;
    draw(progress);
}

void progress_end(struct progress *progress)
{
    if (progress->shown && progress->percent >= 0)
        fprintf(stderr, "\r%*s\r", WIDTH + 24, "");
    progress->percent = -1;
}
