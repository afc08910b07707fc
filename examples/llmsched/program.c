/* SPDX-License-Identifier: Apache-2.0 */
/* Problems, memory, and strings kept once. */
#include "program.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool note(struct problem *problem, int code, const char *format, va_list arguments)
{
    if (problem->code != EXIT_DONE)
        return false;
    problem->code = code;
    vsnprintf(problem->text, sizeof problem->text, format, arguments);
    for (char *c = problem->text; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F)
            *c = ' ';
    return false;
}

bool bad_input(struct problem *problem, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    note(problem, EXIT_BAD_INPUT, format, arguments);
    va_end(arguments);
    return false;
}

bool no_result(struct problem *problem, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    note(problem, EXIT_NO_RESULT, format, arguments);
    va_end(arguments);
    return false;
}

bool library_failed(struct problem *problem, const char *path, const llmsched_error *err)
{
    if (err->status == LLMSCHED_ERROR_MEMORY || err->status == LLMSCHED_ERROR_INTERNAL)
        return no_result(problem, "%s", err->message);
    if (path != NULL && err->line > 0)
        return bad_input(problem, "%s:%llu: %s", path, (unsigned long long)err->line, err->message);
    return bad_input(problem, "%s%s%s", path != NULL ? path : "", path != NULL ? ": " : "",
                     err->message);
}

static void *there(void *memory)
{
    if (memory == NULL) {
        fputs("llmsched: out of memory\n", stderr);
        exit(EXIT_NO_RESULT);
    }
    return memory;
}

void *allocate(size_t count, size_t size)
{
    return there(calloc(count > 0 ? count : 1, size));
}

void grow(void **items, size_t *capacity, size_t need, size_t size)
{
    if (need <= *capacity)
        return;
    size_t wanted = *capacity < 16 ? 16 : *capacity * 2;
    if (wanted < need)
        wanted = need;
    *items = there(wanted > SIZE_MAX / size ? NULL : realloc(*items, wanted * size));
    *capacity = wanted;
}

char *copy_text(const char *text)
{
    size_t bytes = strlen(text) + 1;
    return memcpy(allocate(bytes, 1), text, bytes);
}

char *format_text(const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = allocate((size_t)(length < 0 ? 0 : length) + 1, 1);
    vsnprintf(text, (size_t)(length < 0 ? 0 : length) + 1, format, again);
    va_end(again);
    return text;
}

struct arena_block {
    struct arena_block *next;
    max_align_t bytes[];
};

enum { BLOCK_BYTES = 1 << 18 };

void *arena_take(struct arena *arena, size_t count, size_t size)
{
    if (size > 0 && count > (SIZE_MAX - BLOCK_BYTES) / size)
        there(NULL);
    size_t align = sizeof(max_align_t);
    size_t bytes = (count * size + align - 1) / align * align;
    if (arena->blocks == NULL || bytes > arena->size - arena->used) {
        size_t room = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
        struct arena_block *block = there(calloc(1, sizeof *block + room));
        block->next = arena->blocks;
        arena->blocks = block;
        arena->size = room;
        arena->used = 0;
    }
    void *taken = (char *)arena->blocks->bytes + arena->used;
    arena->used += bytes;
    return taken;
}

void arena_release(struct arena *arena)
{
    while (arena->blocks != NULL) {
        struct arena_block *next = arena->blocks->next;
        free(arena->blocks);
        arena->blocks = next;
    }
    *arena = (struct arena){0};
}

/* FNV-1a, 64 bits. */
static uint64_t hash(const char *text)
{
    uint64_t state = UINT64_C(14695981039346656037);
    for (; *text != '\0'; text++)
        state = (state ^ (unsigned char)*text) * UINT64_C(1099511628211);
    return state;
}

/* The slot that holds the text, or the free one where it belongs. */
static struct word **find_slot(struct word **slots, size_t capacity, const char *text)
{
    size_t i = (size_t)hash(text) & (capacity - 1);
    while (slots[i] != NULL && strcmp(slots[i]->text, text) != 0)
        i = (i + 1) & (capacity - 1);
    return &slots[i];
}

static void enlarge(struct words *words)
{
    size_t capacity = words->capacity == 0 ? 1024 : words->capacity * 2;
    struct word **slots = allocate(capacity, sizeof *slots);
    for (size_t i = 0; i < words->capacity; i++)
        if (words->slots[i] != NULL)
            *find_slot(slots, capacity, words->slots[i]->text) = words->slots[i];
    free(words->slots);
    words->slots = slots;
    words->capacity = capacity;
}

struct word *intern(struct words *words, const char *text)
{
    if (words->count * 2 >= words->capacity)
        enlarge(words);
    struct word **slot = find_slot(words->slots, words->capacity, text);
    if (*slot == NULL) {
        size_t bytes = strlen(text) + 1;
        struct word *word = arena_take(words->arena, 1, sizeof *word);
        word->text = memcpy(arena_take(words->arena, bytes, 1), text, bytes);
        *slot = word;
        words->count++;
    }
    return *slot;
}

void words_release(struct words *words)
{
    free(words->slots);
    *words = (struct words){0};
}
