/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files. A line longer than the bound is refused once the bound is reached, not
 * when it ends. An output is written under a temporary name in the same folder and then renamed.
 */
#include "io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK_BYTES = 1 << 18 };
/* Of a file read whole: what a history can number. */
static const size_t MOST_TEXT_BYTES = (size_t)4 << 30;

static bool open_for_reading(const char *path, int *file, struct problem *problem)
{
    struct stat info;
    *file = open(path, O_RDONLY | O_CLOEXEC);
    if (*file >= 0 && fstat(*file, &info) == 0 && S_ISDIR(info.st_mode)) {
        close(*file);
        errno = EISDIR;
        *file = -1;
    }
    if (*file < 0)
        return bad_input(problem, "%s: expected a readable file (%s)", path, strerror(errno));
    return true;
}

static bool read_some(int file, const char *path, char *to, size_t room, size_t *got,
                      struct problem *problem)
{
    ssize_t n;
    do {
        n = read(file, to, room);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return bad_input(problem, "%s: expected a readable file (%s)", path, strerror(errno));
    *got = (size_t)n;
    return true;
}

bool line_open(struct line_reader *reader, const char *path, struct problem *problem)
{
    *reader = (struct line_reader){.path = path, .file = -1};
    return open_for_reading(path, &reader->file, problem);
}

void line_close(struct line_reader *reader)
{
    if (reader->file >= 0)
        close(reader->file);
    reader->file = -1;
    free(reader->buffer);
    reader->buffer = NULL;
}

/* Reads more behind what is there of the present line. */
static bool fill(struct line_reader *reader, struct problem *problem)
{
    size_t have = reader->end - reader->start, got = 0;
    if (have > MOST_LINE_BYTES)
        return bad_input(problem, "%s:%llu: line: expected at most %zu MiB", reader->path,
                         (unsigned long long)reader->line + 1, MOST_LINE_BYTES >> 20);
    if (reader->start > 0)
        memmove(reader->buffer, reader->buffer + reader->start, have);
    reader->start = 0;
    reader->end = have;
    grow((void **)&reader->buffer, &reader->capacity, have + CHUNK_BYTES + 1, 1);
    if (!read_some(reader->file, reader->path, reader->buffer + have, reader->capacity - have - 1,
                   &got, problem))
        return false;
    reader->end += got;
    reader->ended = got == 0;
    return true;
}

char *line_next(struct line_reader *reader, size_t *length, struct problem *problem)
{
    size_t searched = 0;
    char *newline = NULL;
    for (;;) {
        size_t have = reader->end - reader->start;
        if (have > searched)
            newline = memchr(reader->buffer + reader->start + searched, '\n', have - searched);
        searched = have;
        if (newline != NULL || reader->ended)
            break;
        if (!fill(reader, problem))
            return NULL;
    }
    if (newline == NULL && reader->end == reader->start)
        return NULL;
    char *line = reader->buffer + reader->start;
    *length = newline != NULL ? (size_t)(newline - line) : reader->end - reader->start;
    line[*length] = '\0';
    reader->start += *length + (newline != NULL ? 1 : 0);
    reader->line++;
    return line;
}

/* The longest stretch without a line end, over what has been read so far. */
struct stretch {
    uint64_t line;
    size_t bytes;
};

static void extend(struct stretch *stretch, const char *text, size_t length)
{
    for (const char *end; (end = memchr(text, '\n', length)) != NULL;) {
        length -= (size_t)(end - text) + 1;
        text = end + 1;
        stretch->line++;
        stretch->bytes = 0;
    }
    stretch->bytes += length;
}

static bool read_whole(const char *path, size_t most, bool lines, char **text, size_t *length,
                       struct problem *problem)
{
    int file;
    if (!open_for_reading(path, &file, problem))
        return false;
    struct stretch stretch = {.line = 1};
    char *buffer = NULL;
    size_t used = 0, capacity = 0, got = 0;
    bool good;
    do {
        grow((void **)&buffer, &capacity, used + CHUNK_BYTES + 1, 1);
        good = read_some(file, path, buffer + used, capacity - used - 1, &got, problem);
        if (good && lines)
            extend(&stretch, buffer + used, got);
        used += got;
        if (good && stretch.bytes > MOST_LINE_BYTES)
            good = bad_input(problem, "%s:%llu: line: expected at most %zu MiB", path,
                             (unsigned long long)stretch.line, MOST_LINE_BYTES >> 20);
        if (good && used > most)
            good = bad_input(problem, "%s:1: file: expected at most %zu MiB", path, most >> 20);
    } while (good && got > 0);
    close(file);
    if (!good) {
        free(buffer);
        return false;
    }
    buffer[used] = '\0';
    *text = buffer;
    *length = used;
    return true;
}

bool read_lines_text(const char *path, char **text, size_t *length, struct problem *problem)
{
    return read_whole(path, MOST_TEXT_BYTES, true, text, length, problem);
}

bool read_document(const char *path, char **text, size_t *length, struct problem *problem)
{
    return read_whole(path, MOST_LINE_BYTES, false, text, length, problem);
}

/*
 * Temporary files that exist. A signal handler may look at any moment: a name
 * stands here only while its memory does.
 */
enum { MOST_PENDING = 64 };
static _Atomic(char *) pending[MOST_PENDING];

static void note_pending(char *path)
{
    for (int i = 0; i < MOST_PENDING; i++) {
        char *nothing = NULL;
        if (atomic_compare_exchange_strong(&pending[i], &nothing, path))
            return;
    }
}

static void forget_pending(char *path)
{
    for (int i = 0; i < MOST_PENDING; i++) {
        char *expected = path;
        if (path != NULL && atomic_compare_exchange_strong(&pending[i], &expected, NULL))
            return;
    }
}

static void remove_pending(void)
{
    for (int i = 0; i < MOST_PENDING; i++) {
        char *path = atomic_exchange(&pending[i], NULL);
        if (path != NULL)
            unlink(path);
    }
}

static void end_by_signal(int number)
{
    remove_pending();
    signal(number, SIG_DFL);
    raise(number);
}

void outputs_guard(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = end_by_signal};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        sigaction(numbers[i], &action, NULL);
    atexit(remove_pending);
}

static bool cannot_write(const char *path, struct problem *problem)
{
    return bad_input(problem, "%s: expected a place that can be written (%s)", path,
                     strerror(errno));
}

bool output_open(struct output *output, const char *path, struct problem *problem)
{
    struct stat info;
    *output = (struct output){0};
    bool exists = stat(path, &info) == 0;
    if (exists && S_ISDIR(info.st_mode)) {
        errno = EISDIR;
        return cannot_write(path, problem);
    }
    output->path = copy_text(path);
    if (!exists || S_ISREG(info.st_mode))
        output->temporary = format_text("%s.tmp-%ld", path, (long)getpid());
    if (output->temporary != NULL)
        note_pending(output->temporary);
    output->file = fopen(output->temporary != NULL ? output->temporary : path, "wb");
    if (output->file == NULL) {
        cannot_write(path, problem);
        output_abandon(output);
        return false;
    }
    return true;
}

bool output_commit(struct output *output, struct problem *problem)
{
    bool good = !ferror(output->file);
    int reason = errno;
    if (good && fflush(output->file) != 0) {
        good = false;
        reason = errno;
    }
    if (fclose(output->file) != 0 && good) {
        good = false;
        reason = errno;
    }
    output->file = NULL;
    if (good && output->temporary != NULL && rename(output->temporary, output->path) != 0) {
        good = false;
        reason = errno;
    }
    if (!good) {
        errno = reason;
        cannot_write(output->path, problem);
    } else {
        forget_pending(output->temporary);
        free(output->temporary);
        output->temporary = NULL;
    }
    output_abandon(output);
    return good;
}

void output_abandon(struct output *output)
{
    if (output->file != NULL)
        fclose(output->file);
    if (output->temporary != NULL)
        unlink(output->temporary);
    forget_pending(output->temporary);
    free(output->temporary);
    free(output->path);
    *output = (struct output){0};
}

bool is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

bool make_folder(const char *path, struct problem *problem)
{
    char *part = copy_text(path);
    bool good = true;
    for (char *c = part; good; c++) {
        if ((*c != '/' && *c != '\0') || c == part)
            continue;
        char kept = *c;
        *c = '\0';
        good = mkdir(part, 0777) == 0 || errno == EEXIST;
        *c = kept;
        if (kept == '\0')
            break;
    }
    if (good && !is_folder(path)) {
        errno = ENOTDIR;
        good = false;
    }
    free(part);
    return good ? true : cannot_write(path, problem);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void name_list_add(struct name_list *list, const char *name)
{
    grow((void **)&list->names, &list->capacity, list->count + 1, sizeof *list->names);
    list->names[list->count++] = copy_text(name);
}

void name_list_release(struct name_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->names[i]);
    free(list->names);
    *list = (struct name_list){0};
}

bool list_folder(const char *folder, const char *ending, struct name_list *list,
                 struct problem *problem)
{
    DIR *handle = opendir(folder);
    if (handle == NULL)
        return bad_input(problem, "%s: expected a readable folder (%s)", folder, strerror(errno));
    size_t first = list->count, tail = strlen(ending);
    for (struct dirent *entry; (entry = readdir(handle)) != NULL;) {
        size_t length = strlen(entry->d_name);
        if (length <= tail || strcmp(entry->d_name + length - tail, ending) != 0)
            continue;
        char *path = format_text("%s/%s", folder, entry->d_name);
        if (!is_folder(path))
            name_list_add(list, path);
        free(path);
    }
    closedir(handle);
    if (list->count > first)
        qsort(list->names + first, list->count - first, sizeof *list->names, compare_names);
    return true;
}

char *path_stem(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *stem = copy_text(slash != NULL ? slash + 1 : path);
    char *dot = strrchr(stem, '.');
    if (dot != NULL && dot != stem)
        *dot = '\0';
    return stem;
}
