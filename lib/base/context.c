/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The context: allocator, log callback and limits. Immutable once made, but for
 * the count of those who hold it.
 */
#include "base/internal.h"

#include <stdlib.h>
#include <string.h>

#define STRINGIFY_(x) #x
#define STRINGIFY(x) STRINGIFY_(x)

enum { DEFAULT_MAX_STAGES = 65536 };
#define DEFAULT_MAX_TABLE (UINT64_C(1) << 24)

uint32_t llmsched_version_number(void)
{
    return LLMSCHED_VERSION_NUMBER;
}

const char *llmsched_version(void)
{
    return STRINGIFY(LLMSCHED_VERSION_MAJOR) "." STRINGIFY(LLMSCHED_VERSION_MINOR) "." STRINGIFY(
        LLMSCHED_VERSION_PATCH);
}

static void *default_allocate(void *user, size_t bytes)
{
    LLS_UNUSED(user);
    return malloc(bytes);
}

static void *default_reallocate(void *user, void *ptr, size_t bytes)
{
    LLS_UNUSED(user);
    return realloc(ptr, bytes);
}

static void default_release(void *user, void *ptr)
{
    LLS_UNUSED(user);
    free(ptr);
}

static llmsched_status read_allocator(const llmsched_allocator *given,
                                      llmsched_allocator *allocator, llmsched_error *err)
{
    if (given == NULL) {
        *allocator = (llmsched_allocator){.size = sizeof *allocator,
                                          .allocate = default_allocate,
                                          .reallocate = default_reallocate,
                                          .release = default_release};
        return LLMSCHED_OK;
    }
    llmsched_status status = lls_sized_in(allocator, sizeof *allocator, given,
                                          sizeof(llmsched_allocator), "llmsched_allocator", err);
    if (status != LLMSCHED_OK)
        return status;
    if (allocator->reserved != 0)
        return lls_fail(err, LLMSCHED_ERROR_VERSION,
                        "llmsched_allocator: reserved is %u: this library knows only 0",
                        (unsigned)allocator->reserved);
    if (allocator->allocate == NULL || allocator->reallocate == NULL || allocator->release == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID,
                        "llmsched_allocator: allocate, reallocate and release are all needed");
    return LLMSCHED_OK;
}

llmsched_status llmsched_context_create(const llmsched_context_options *options,
                                        llmsched_context **context, llmsched_error *err)
{
    llmsched_context_options o;
    llmsched_allocator allocator;

    if (context == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "context: a place for the result is needed");
    llmsched_status status = lls_sized_in(&o, sizeof o, options, sizeof(llmsched_context_options),
                                          "llmsched_context_options", err);
    if (status != LLMSCHED_OK)
        return status;
    status = read_allocator(o.allocator, &allocator, err);
    if (status != LLMSCHED_OK)
        return status;

    llmsched_context *c = allocator.allocate(allocator.user, sizeof *c);
    if (c == NULL)
        return lls_fail_memory(err);
    memset(c, 0, sizeof *c);
    atomic_init(&c->references, 1);
    c->allocator = allocator;
    c->log = o.log;
    c->log_user = o.log_user;
    c->max_stages = o.max_stages ? o.max_stages : DEFAULT_MAX_STAGES;
    c->cpu = lls_cpu_features();
    c->max_table = o.max_table ? o.max_table : DEFAULT_MAX_TABLE;
    *context = c;
    return LLMSCHED_OK;
}

llmsched_context *lls_context_retain(const llmsched_context *context)
{
    /* The count is the one part of a context that changes, also behind const. */
    llmsched_context *c = (llmsched_context *)(uintptr_t)context;
    atomic_fetch_add_explicit(&c->references, 1, memory_order_relaxed);
    return c;
}

void lls_context_release(llmsched_context *context)
{
    if (context == NULL)
        return;
    /* Release, then acquire: the last one sees all that the others did. */
    if (atomic_fetch_sub_explicit(&context->references, 1, memory_order_acq_rel) != 1)
        return;
    llmsched_allocator allocator = context->allocator;
    allocator.release(allocator.user, context);
}

void llmsched_context_destroy(llmsched_context *context)
{
    lls_context_release(context);
}
