/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads field by field: neither lines nor the file need to fit in memory, only the cells.
 */
#include "csv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_ZLIB
#include <zlib.h>
#else
#include <fcntl.h>
#include <unistd.h>
#endif

#include "io.h"

enum { BUFFER_BYTES = 1 << 16, MOST_FIELD_BYTES = 4096, MOST_STATE = 65535 };

struct csv {
    const char *path;
    struct problem *problem;
#ifdef HAVE_ZLIB
    gzFile file; /* reads plain text as it stands */
#else
    int file;
#endif
    unsigned char buffer[BUFFER_BYTES];
    size_t at, end;
    bool failed;
    uint64_t line;
    char field[MOST_FIELD_BYTES + 1];
    size_t length;
};

/* What ended a field. */
enum field_end { END_COMMA, END_LINE, END_FILE };

/* --- bytes ------------------------------------------------------------------------------- */

#ifdef HAVE_ZLIB
static bool open_file(struct csv *csv)
{
    csv->file = gzopen(csv->path, "rb");
    return csv->file != NULL;
}

static int read_bytes(struct csv *csv)
{
    int got = gzread(csv->file, csv->buffer, BUFFER_BYTES), code = Z_OK;
    const char *reason = got <= 0 ? gzerror(csv->file, &code) : NULL;
    if (got < 0 || (code != Z_OK && code != Z_STREAM_END)) {
        bad_input(csv->problem, "%s:%llu: file: expected readable text, plain or gzip (%s)",
                  csv->path, (unsigned long long)csv->line,
                  code == Z_ERRNO ? strerror(errno) : reason);
        return -1;
    }
    return got;
}

static void close_file(struct csv *csv)
{
    gzclose(csv->file);
}
#else
static bool open_file(struct csv *csv)
{
    csv->file = open(csv->path, O_RDONLY | O_CLOEXEC);
    return csv->file >= 0;
}

static int read_bytes(struct csv *csv)
{
    ssize_t got;
    do {
        got = read(csv->file, csv->buffer, BUFFER_BYTES);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        bad_input(csv->problem, "%s: expected a readable file (%s)", csv->path, strerror(errno));
    if (got >= 2 && csv->line == 1 && csv->length == 0 && csv->buffer[0] == 0x1f &&
        csv->buffer[1] == 0x8b) {
        bad_input(csv->problem, "%s:1: file: expected plain text: built without zlib", csv->path);
        return -1;
    }
    return (int)got;
}

static void close_file(struct csv *csv)
{
    close(csv->file);
}
#endif

/* The next byte, -1 at the end or after a problem. */
static int peek(struct csv *csv)
{
    if (csv->at == csv->end && !csv->failed) {
        int got = read_bytes(csv);
        csv->failed = got < 0;
        csv->at = 0;
        csv->end = got > 0 ? (size_t)got : 0;
    }
    return csv->at < csv->end ? csv->buffer[csv->at] : -1;
}

static int next(struct csv *csv)
{
    int byte = peek(csv);
    csv->at += byte >= 0;
    return byte;
}

/* --- fields ------------------------------------------------------------------------------ */

static bool put(struct csv *csv, int byte)
{
    if (csv->length == MOST_FIELD_BYTES || byte == 0)
        return bad_input(csv->problem, "%s:%llu: field: expected at most %d bytes of text",
                         csv->path, (unsigned long long)csv->line, MOST_FIELD_BYTES);
    csv->field[csv->length++] = (char)byte;
    return true;
}

/* The inside of quotes, "" standing for one. */
static bool read_quoted(struct csv *csv)
{
    for (int byte; (byte = next(csv)) >= 0;) {
        if (byte == '"' && peek(csv) != '"')
            return true;
        if (byte == '"')
            (void)next(csv);
        if (byte == '\n')
            break;
        if (!put(csv, byte))
            return false;
    }
    return csv->failed ? false
                       : bad_input(csv->problem, "%s:%llu: field: expected a closing quote",
                                   csv->path, (unsigned long long)csv->line);
}

static bool read_field(struct csv *csv, enum field_end *end)
{
    bool quoted = false;
    csv->length = 0;
    for (;;) {
        int byte = next(csv);
        if (byte < 0 && csv->failed)
            return false;
        if (byte < 0 || byte == ',' || byte == '\n') {
            *end = byte < 0 ? END_FILE : byte == ',' ? END_COMMA : END_LINE;
            break;
        }
        if (byte == '\r' && (peek(csv) == '\n' || peek(csv) < 0))
            continue;
        if (byte == '"' && csv->length == 0 && !quoted) {
            quoted = true;
            if (!read_quoted(csv))
                return false;
        } else if (!put(csv, byte)) {
            return false;
        }
    }
    csv->field[csv->length] = '\0';
    return true;
}

/* For messages: any other byte than plain ASCII becomes a question mark. */
static const char *shown(struct csv *csv)
{
    for (char *c = csv->field; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7E)
            *c = '?';
    return csv->field;
}

/* --- the header --------------------------------------------------------------------------- */

/* Well-formed as far as lengths go: each character has the bytes that its first one promises. */
static bool is_utf8(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        int more = *c < 0x80   ? 0
                   : *c < 0xC2 ? -1
                   : *c < 0xE0 ? 1
                   : *c < 0xF0 ? 2
                   : *c < 0xF5 ? 3
                               : -1;
        for (int i = 0; i < more; i++)
            if ((*++c & 0xC0) != 0x80)
                return false;
        if (more < 0)
            return false;
    }
    return true;
}

static bool refuse_name(struct csv *csv, uint32_t column, const char *what)
{
    return bad_input(csv->problem, "%s:1: column %u \"%.60s\": expected %s", csv->path, column + 1,
                     shown(csv), what);
}

static bool is_taken(struct words *words, const char *name)
{
    struct word *word = intern(words, name);
    bool taken = word->is_job;
    word->is_job = true;
    return taken;
}

static void skip_mark(struct csv *csv)
{
    static const unsigned char mark[] = {0xEF, 0xBB, 0xBF};
    (void)peek(csv);
    if (csv->end - csv->at >= sizeof mark && memcmp(csv->buffer + csv->at, mark, sizeof mark) == 0)
        csv->at += sizeof mark;
}

static bool read_header(struct csv *csv, struct csv_table *table, struct words *words)
{
    enum field_end end = END_COMMA;
    size_t capacity = 0;
    skip_mark(csv);
    while (end == END_COMMA) {
        if (!read_field(csv, &end))
            return false;
        if (csv->length == 0)
            return refuse_name(csv, table->columns, "a name");
        if (!is_utf8(csv->field))
            return refuse_name(csv, table->columns, "a name in UTF-8");
        if (is_taken(words, csv->field))
            return refuse_name(csv, table->columns, "a name that no other column has");
        grow((void **)&table->names, &capacity, table->columns + 1, sizeof *table->names);
        table->names[table->columns++] = copy_text(csv->field);
    }
    return true;
}

/* --- the rows ----------------------------------------------------------------------------- */

static bool parse_cell(struct csv *csv, const struct csv_table *table, uint32_t column,
                       uint32_t *cell)
{
    uint32_t value = 0;
    *cell = LLMSCHED_STATE_MISSING;
    if (csv->length == 0)
        return true;
    for (const char *c = csv->field; *c != '\0'; c++) {
        if (*c < '0' || *c > '9' || (value = value * 10 + (uint32_t)(*c - '0')) > MOST_STATE)
            return bad_input(csv->problem,
                             "%s:%llu: column %u \"%.60s\": expected a state index, 0 to %d, or "
                             "nothing, not \"%.40s\"",
                             csv->path, (unsigned long long)csv->line, column + 1,
                             table->names[column], MOST_STATE, shown(csv));
    }
    *cell = value;
    return true;
}

static bool read_row(struct csv *csv, struct csv_table *table)
{
    uint32_t *row = table->cells + table->rows * table->columns;
    enum field_end end = END_COMMA;
    for (uint32_t c = 0; c < table->columns; c++) {
        if (end != END_COMMA)
            return bad_input(csv->problem,
                             "%s:%llu: column %u \"%.60s\": expected a cell, not the "
                             "end of the row",
                             csv->path, (unsigned long long)csv->line, c + 1, table->names[c]);
        if (!read_field(csv, &end) || !parse_cell(csv, table, c, &row[c]))
            return false;
        if (row[c] != LLMSCHED_STATE_MISSING && row[c] >= table->states[c])
            table->states[c] = row[c] + 1;
    }
    return end != END_COMMA ? true
                            : bad_input(csv->problem,
                                        "%s:%llu: column %u: expected the end of the row, as the "
                                        "header has %u names",
                                        csv->path, (unsigned long long)csv->line,
                                        table->columns + 1, table->columns);
}

static bool read_rows(struct csv *csv, struct csv_table *table)
{
    size_t capacity = 0;
    table->states = allocate(table->columns, sizeof *table->states);
    for (; peek(csv) >= 0; table->rows++) {
        csv->line++;
        if (table->rows >= UINT32_MAX - 1)
            return bad_input(csv->problem, "%s:%llu: rows: expected fewer than 2^32", csv->path,
                             (unsigned long long)csv->line);
        grow((void **)&table->cells, &capacity, (size_t)(table->rows + 1) * table->columns,
             sizeof *table->cells);
        if (!read_row(csv, table))
            return false;
    }
    if (csv->failed)
        return false;
    if (table->rows == 0)
        return bad_input(csv->problem, "%s:1: rows: expected at least one below the header",
                         csv->path);
    for (uint32_t c = 0; c < table->columns; c++)
        if (table->states[c] == 0)
            return bad_input(csv->problem,
                             "%s:1: column %u \"%.60s\": expected at least one cell that is not "
                             "empty",
                             csv->path, c + 1, table->names[c]);
    return true;
}

bool csv_read(const char *path, struct csv_table *table, struct problem *problem)
{
    struct csv *csv = allocate(1, sizeof *csv);
    struct arena arena = {0};
    struct words words = {.arena = &arena};
    *table = (struct csv_table){0};
    *csv = (struct csv){.path = path, .problem = problem, .line = 1};
    bool good;
    errno = is_folder(path) ? EISDIR : 0;
    if (errno != 0 || !open_file(csv)) {
        good = bad_input(problem, "%s: expected a readable file (%s)", path, strerror(errno));
    } else {
        good = read_header(csv, table, &words) && read_rows(csv, table);
        close_file(csv);
    }
    words_release(&words);
    arena_release(&arena);
    free(csv);
    if (!good)
        csv_release(table);
    return good;
}

void csv_release(struct csv_table *table)
{
    for (uint32_t c = 0; c < table->columns; c++)
        free(table->names[c]);
    free(table->names);
    free(table->cells);
    free(table->states);
    *table = (struct csv_table){0};
}
