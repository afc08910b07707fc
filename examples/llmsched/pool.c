/* SPDX-License-Identifier: Apache-2.0 */
/* The pool: threads that draw the next number until none is left. */
#include "pool.h"

#include <pthread.h>
#include <unistd.h>

enum { MOST_THREADS = 64 };

struct pool {
    pthread_mutex_t lock;
    size_t next, count;
    void (*work)(void *user, size_t index);
    void *user;
    struct progress *progress;
};

unsigned pool_default_threads(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 1 : cores > MOST_THREADS ? MOST_THREADS : (unsigned)cores;
}

static void *draw_and_work(void *argument)
{
    struct pool *pool = argument;
    for (;;) {
        pthread_mutex_lock(&pool->lock);
        size_t index = pool->next < pool->count ? pool->next++ : pool->count;
        pthread_mutex_unlock(&pool->lock);
        if (index == pool->count)
            return NULL;
        pool->work(pool->user, index);
        pthread_mutex_lock(&pool->lock);
        if (pool->progress != NULL)
            progress_step(pool->progress, 1);
        pthread_mutex_unlock(&pool->lock);
    }
}

void pool_run(size_t count, unsigned threads, void (*work)(void *user, size_t index), void *user,
              struct progress *progress)
{
    struct pool pool = {.lock = PTHREAD_MUTEX_INITIALIZER,
                        .count = count,
                        .work = work,
                        .user = user,
                        .progress = progress};
    pthread_t helpers[MOST_THREADS];
    unsigned wanted = threads < count ? threads : (unsigned)count, started = 0;
    /* This thread works too; a helper that cannot be started is done without. */
    while (started + 1 < wanted && started < MOST_THREADS &&
           pthread_create(&helpers[started], NULL, draw_and_work, &pool) == 0)
        started++;
    draw_and_work(&pool);
    for (unsigned i = 0; i < started; i++)
        pthread_join(helpers[i], NULL);
    pthread_mutex_destroy(&pool.lock);
}
