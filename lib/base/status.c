/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statuses, error messages, and structs that carry their size across the
 * interface.
 */
#include "base/internal.h"

#include <stdio.h>
#include <string.h>

/* No struct of this interface comes near; a size above it is not a size. */
enum { LARGEST_STRUCT = 4096 };

const char *llmsched_status_name(llmsched_status status)
{
    switch (status) {
    case LLMSCHED_OK:
        return "LLMSCHED_OK";
    case LLMSCHED_NONE:
        return "LLMSCHED_NONE";
    case LLMSCHED_ERROR_INVALID:
        return "LLMSCHED_ERROR_INVALID";
    case LLMSCHED_ERROR_MEMORY:
        return "LLMSCHED_ERROR_MEMORY";
    case LLMSCHED_ERROR_PARSE:
        return "LLMSCHED_ERROR_PARSE";
    case LLMSCHED_ERROR_NOT_FOUND:
        return "LLMSCHED_ERROR_NOT_FOUND";
    case LLMSCHED_ERROR_EXISTS:
        return "LLMSCHED_ERROR_EXISTS";
    case LLMSCHED_ERROR_CYCLE:
        return "LLMSCHED_ERROR_CYCLE";
    case LLMSCHED_ERROR_STATE:
        return "LLMSCHED_ERROR_STATE";
    case LLMSCHED_ERROR_LIMIT:
        return "LLMSCHED_ERROR_LIMIT";
    case LLMSCHED_ERROR_IMPOSSIBLE:
        return "LLMSCHED_ERROR_IMPOSSIBLE";
    case LLMSCHED_ERROR_VERSION:
        return "LLMSCHED_ERROR_VERSION";
    case LLMSCHED_ERROR_CALLBACK:
        return "LLMSCHED_ERROR_CALLBACK";
    case LLMSCHED_ERROR_INTERNAL:
        return "LLMSCHED_ERROR_INTERNAL";
    default:
        return "unknown status";
    }
}

/* Callers' ids may hold anything, and a cut may halve a character: the message stays one line of
 * UTF-8. */
static void tidy(char *message)
{
    size_t left = strlen(message);
    while (left > 0) {
        size_t step = lls_utf8_step(message, left);
        if (step == 0 || (unsigned char)*message < 0x20 || *message == 0x7F)
            *message = step == 0 ? '?' : ' ';
        step = step == 0 ? 1 : step;
        message += step;
        left -= step;
    }
}

static bool writable(llmsched_error *err)
{
    if (err == NULL)
        return false;
    if (err->size == 0)
        err->size = sizeof *err;
    return err->size >= sizeof *err;
}

static LLS_PRINTF(5, 0) void write_error(llmsched_error *err, llmsched_status status, uint64_t line,
                                         uint64_t column, const char *format, va_list arguments)
{
    if (!writable(err))
        return;
    err->status = status;
    err->line = line;
    err->column = column;
    err->message[0] = '\0';
    vsnprintf(err->message, sizeof err->message, format, arguments);
    tidy(err->message);
}

llmsched_status lls_fail(llmsched_error *err, llmsched_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_error(err, status, 0, 0, format, arguments);
    va_end(arguments);
    return status;
}

llmsched_status lls_fail_at(llmsched_error *err, llmsched_status status, uint64_t line,
                            uint64_t column, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_error(err, status, line, column, format, arguments);
    va_end(arguments);
    return status;
}

llmsched_status lls_fail_memory(llmsched_error *err)
{
    return lls_fail(err, LLMSCHED_ERROR_MEMORY, "out of memory: free some, then try again");
}

void lls_error_prefix(llmsched_error *err, uint64_t line, const char *format, ...)
{
    if (!writable(err))
        return;
    char prefix[sizeof err->message];
    char joined[2 * sizeof err->message + 2];
    va_list arguments;
    va_start(arguments, format);
    prefix[0] = '\0';
    vsnprintf(prefix, sizeof prefix, format, arguments);
    va_end(arguments);

    err->message[sizeof err->message - 1] = '\0';
    snprintf(joined, sizeof joined, "%s: %s", prefix, err->message);
    memcpy(err->message, joined, sizeof err->message - 1);
    tidy(err->message);
    err->line = line;
}

static llmsched_status check_size(uint32_t size, size_t smallest, const char *name,
                                  llmsched_error *err)
{
    if (size < smallest)
        return lls_fail(
            err, LLMSCHED_ERROR_VERSION,
            "%s: size is %u, but its first version has %zu bytes: set size to sizeof(%s)", name,
            (unsigned)size, smallest, name);
    if (size > LARGEST_STRUCT)
        return lls_fail(err, LLMSCHED_ERROR_VERSION,
                        "%s: size is %u, which no version has: set size to sizeof(%s)", name,
                        (unsigned)size, name);
    return LLMSCHED_OK;
}

llmsched_status lls_sized_in(void *to, size_t to_size, const void *from, size_t smallest,
                             const char *name, llmsched_error *err)
{
    uint32_t own_size = (uint32_t)to_size;
    uint32_t size = 0;
    if (from != NULL) {
        memcpy(&size, from, sizeof size);
        llmsched_status status = check_size(size, smallest, name, err);
        if (status != LLMSCHED_OK)
            return status;
        for (size_t i = to_size; i < size; i++)
            if (((const unsigned char *)from)[i] != 0)
                return lls_fail(err, LLMSCHED_ERROR_VERSION,
                                "%s: byte %zu is set, but this library (%s) knows %zu bytes: clear "
                                "newer fields or load a newer library",
                                name, i, llmsched_version(), to_size);
    }
    memset(to, 0, to_size);
    if (from != NULL)
        memcpy(to, from, size < to_size ? size : to_size);
    memcpy(to, &own_size, sizeof own_size);
    return LLMSCHED_OK;
}

llmsched_status lls_sized_out(void *to, const void *from, size_t from_size, size_t smallest,
                              const char *name, llmsched_error *err)
{
    uint32_t size;
    memcpy(&size, to, sizeof size);
    llmsched_status status = check_size(size, smallest, name, err);
    if (status != LLMSCHED_OK)
        return status;
    /* A newer caller's fields read as zero: the default. */
    memset(to, 0, size);
    memcpy(to, from, size < from_size ? size : from_size);
    memcpy(to, &size, sizeof size);
    return LLMSCHED_OK;
}
