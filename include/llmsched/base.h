/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file base.h
 * What every part of libllmsched shares: versions, statuses, errors, the
 * context, and text handed out by the library.
 *
 * Conventions of every header:
 *  - Arguments stand in the order: handle, inputs, outputs, error.
 *  - A function that can fail returns a ::llmsched_status. On failure the
 *    outputs are untouched, the handle is as it was, and @p err (which may be
 *    NULL) says in one line what, where and what to do.
 *  - Structs that cross the interface begin with `uint32_t size`: set it to
 *    sizeof the struct and clear the rest. A field that is zero means its
 *    default. Fields are only ever appended.
 *  - A pointer to options may be NULL: every option is then at its default.
 *  - Strings are UTF-8, end in NUL, and are copied unless stated otherwise.
 *  - Times are seconds on whatever clock the caller keeps.
 *  - Immutable objects (`llmsched_dag`, `llmsched_network`, `llmsched_profile`,
 *    `llmsched_history`) are reference-counted and may be used by any number of threads; a
 *    mutable object is used by one thread at a time.
 *  - The library has no threads, clocks, files, prints, or mutable globals.
 */
#ifndef LLMSCHED_BASE_H
#define LLMSCHED_BASE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__) || defined(__clang__)
#define LLMSCHED_API __attribute__((visibility("default")))
#else
#define LLMSCHED_API
#endif

/* --- versions ---------------------------------------------------------- */

#define LLMSCHED_VERSION_MAJOR 0
#define LLMSCHED_VERSION_MINOR 1
#define LLMSCHED_VERSION_PATCH 0
/** Version these headers belong to, as one number: 10000 major + 100 minor + patch. */
#define LLMSCHED_VERSION_NUMBER 100

/**
 * Version of the library that is loaded, in the form of
 * ::LLMSCHED_VERSION_NUMBER. Compare it with the macro at start-up.
 * @since 0.1
 */
LLMSCHED_API uint32_t llmsched_version_number(void);

/** The same as text, such as "0.1.0"; static storage. @since 0.1 */
LLMSCHED_API const char *llmsched_version(void);

/* --- statuses and errors ------------------------------------------------ */

/** What a call came to: one of the LLMSCHED_* values below. @since 0.1 */
typedef int32_t llmsched_status;

/** Values of ::llmsched_status; numbers are never reused. @since 0.1 */
enum {
    /** Done. */
    LLMSCHED_OK = 0,
    /** Nothing (more) to return now; an ordinary answer, not a failure. */
    LLMSCHED_NONE = 1,
    /** An argument is out of its range, NULL, NaN, or inconsistent. */
    LLMSCHED_ERROR_INVALID = 2,
    /** Memory ran out; nothing changed. */
    LLMSCHED_ERROR_MEMORY = 3,
    /** Text is not what its format asks for; see line and column. */
    LLMSCHED_ERROR_PARSE = 4,
    /** No such stage, job, executor, node, policy or option. */
    LLMSCHED_ERROR_NOT_FOUND = 5,
    /** The id or name is already taken. */
    LLMSCHED_ERROR_EXISTS = 6,
    /** The edges form a cycle. */
    LLMSCHED_ERROR_CYCLE = 7,
    /** The call does not fit the object's present state. */
    LLMSCHED_ERROR_STATE = 8,
    /** A limit of the context or of the method is exceeded. */
    LLMSCHED_ERROR_LIMIT = 9,
    /** The evidence has probability zero. */
    LLMSCHED_ERROR_IMPOSSIBLE = 10,
    /** A struct's size is unknown, or it sets fields this library lacks. */
    LLMSCHED_ERROR_VERSION = 11,
    /** A caller's callback reported a failure. */
    LLMSCHED_ERROR_CALLBACK = 12,
    /** A defect of the library; please report it. */
    LLMSCHED_ERROR_INTERNAL = 13
};

/** Name of a status, such as "LLMSCHED_ERROR_CYCLE"; static storage, never NULL. @since 0.1 */
LLMSCHED_API const char *llmsched_status_name(llmsched_status status);

/**
 * What went wrong, owned by the caller; nothing to free.
 * `size` may be left zero: the library then writes this first version.
 * @since 0.1
 */
typedef struct llmsched_error {
    uint32_t size;     /**< sizeof(llmsched_error), or 0 */
    int32_t status;    /**< the status returned */
    uint64_t line;     /**< line of the text that was parsed, from 1; 0: no text */
    uint64_t column;   /**< byte in that line, from 1; 0: unknown */
    char message[232]; /**< one line, ends in NUL */
} llmsched_error;

/* --- the context -------------------------------------------------------- */

/**
 * Where memory comes from. All three callbacks are needed, and must be safe
 * to call from every thread that uses objects of the context.
 * They follow malloc, realloc and free of C, with @p user in front.
 * @since 0.1
 */
typedef struct llmsched_allocator {
    uint32_t size;                               /**< sizeof(llmsched_allocator) */
    uint32_t reserved;                           /**< 0 */
    void *user;                                  /**< passed to each callback */
    void *(*allocate)(void *user, size_t bytes); /**< NULL: no memory */
    void *(*reallocate)(void *user, void *ptr,
                        size_t bytes);      /**< NULL: no memory, ptr still valid */
    void (*release)(void *user, void *ptr); /**< accepts NULL */
} llmsched_allocator;

/** Receives remarks that are no failure (level 1: warning, 2: note). @since 0.1 */
typedef void (*llmsched_log_fn)(void *user, int32_t level, const char *message);

/** Options of a context. @since 0.1 */
typedef struct llmsched_context_options {
    uint32_t size;                       /**< sizeof(llmsched_context_options) */
    uint32_t max_stages;                 /**< stages of one DAG or job; 0: 65536 */
    const llmsched_allocator *allocator; /**< copied; NULL: malloc, realloc, free */
    llmsched_log_fn log;                 /**< NULL: silent */
    void *log_user;                      /**< passed to log */
    uint64_t max_table;                  /**< entries of one probability table; 0: 2^24 */
} llmsched_context_options;

/**
 * The root of every other object: allocator, log and limits. It holds no
 * hidden state, is immutable, and may be shared by threads. @since 0.1
 */
typedef struct llmsched_context llmsched_context;

/**
 * Makes a context.
 * @param[in]  options  NULL for defaults
 * @param[out] context  the caller's; end it with llmsched_context_destroy()
 * @param[out] err      may be NULL
 * @return LLMSCHED_OK, LLMSCHED_ERROR_INVALID, _MEMORY or _VERSION
 * @since 0.1
 */
LLMSCHED_API llmsched_status llmsched_context_create(const llmsched_context_options *options,
                                                     llmsched_context **context,
                                                     llmsched_error *err);

/**
 * Gives the caller's hold on the context up. Objects made from it keep it
 * alive, so the order of destruction is free. NULL is accepted. @since 0.1
 */
LLMSCHED_API void llmsched_context_destroy(llmsched_context *context);

/* --- text handed out ---------------------------------------------------- */

/** Text made by the library (JSON, mostly); immutable. @since 0.1 */
typedef struct llmsched_text llmsched_text;

/** The bytes, ended by NUL; valid until the text is destroyed. @since 0.1 */
LLMSCHED_API const char *llmsched_text_data(const llmsched_text *text);

/** Number of bytes, the final NUL not counted. @since 0.1 */
LLMSCHED_API size_t llmsched_text_length(const llmsched_text *text);

/** Ends a text; NULL is accepted. @since 0.1 */
LLMSCHED_API void llmsched_text_destroy(llmsched_text *text);

#ifdef __cplusplus
}
#endif

#endif
