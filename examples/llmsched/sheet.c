/* SPDX-License-Identifier: Apache-2.0 */
/* Tables are read whole: the published profiles are a few megabytes. */
#include "sheet.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_ZLIB
#include <zlib.h>
#endif

#include "io.h"
#include "utf8.h"

enum { MOST_COLUMNS = 4096 };

#ifdef HAVE_ZLIB
enum { CHUNK_BYTES = 1 << 16 };
static const size_t MOST_BYTES = (size_t)512 << 20;

static bool unpack(gzFile file, const char *path, char **text, size_t *length,
                   struct problem *problem)
{
    size_t capacity = 0, used = 0;
    int got, code = Z_OK;
    do {
        grow((void **)text, &capacity, used + CHUNK_BYTES + 1, 1);
        got = gzread(file, *text + used, CHUNK_BYTES);
        used += got > 0 ? (size_t)got : 0;
    } while (got > 0 && used <= MOST_BYTES);
    const char *reason = gzerror(file, &code);
    if (got < 0 || (code != Z_OK && code != Z_STREAM_END))
        return bad_input(problem, "%s: expected readable text, plain or gzip (%s)", path,
                         code == Z_ERRNO ? strerror(errno) : reason);
    if (used > MOST_BYTES)
        return bad_input(problem, "%s: expected at most %zu bytes", path, MOST_BYTES);
    (*text)[used] = '\0';
    *length = used;
    return true;
}

static bool read_any(const char *path, char **text, size_t *length, struct problem *problem)
{
    gzFile file = gzopen(path, "rb");
    if (file == NULL)
        return bad_input(problem, "%s: expected a readable file (%s)", path, strerror(errno));
    bool good = unpack(file, path, text, length, problem);
    gzclose(file);
    return good;
}
#else
static bool read_any(const char *path, char **text, size_t *length, struct problem *problem)
{
    if (!read_lines_text(path, text, length, problem))
        return false;
    if (*length >= 2 && (unsigned char)(*text)[0] == 0x1f && (unsigned char)(*text)[1] == 0x8b)
        return bad_input(problem, "%s: expected plain text: built without zlib", path);
    return true;
}
#endif

/* Names go into documents, which are UTF-8. */
static bool check_utf8(const char *path, const char *text, struct problem *problem)
{
    const char *fault = utf8_fault(text);
    unsigned long long line = 1;
    for (const char *c = text; fault != NULL && c < fault; c++)
        line += *c == '\n';
    return fault == NULL ? true
                         : bad_input(problem, "%s:%llu: file: expected text in UTF-8", path, line);
}

bool unpack_text(const char *path, char **text, size_t *length, struct problem *problem)
{
    *text = NULL;
    if (is_folder(path))
        return bad_input(problem, "%s: expected a readable file (%s)", path, strerror(EISDIR));
    bool good = read_any(path, text, length, problem);
    if (good && strlen(*text) != *length)
        good = bad_input(problem, "%s: expected text without NUL bytes", path);
    good = good && check_utf8(path, *text, problem);
    if (!good) {
        free(*text);
        *text = NULL;
    }
    return good;
}

/* --- cells ---------------------------------------------------------------------------- */

/* Ends the cell at *at, in place, and moves on to the next; true where the line ended. */
static bool take_cell(char **at, char **cell)
{
    char *from = *at, *to = *at;
    bool quoted = *from == '"';
    *cell = to;
    from += quoted;
    for (; *from != '\0' && *from != '\n'; from++) {
        if (quoted && *from == '"') {
            quoted = from[1] == '"';
            from += quoted;
            if (!quoted)
                continue;
        } else if (!quoted && *from == ',') {
            break;
        }
        *to++ = *from;
    }
    bool ended = *from != ',';
    *at = from + (*from != '\0');
    if (ended && to > *cell && to[-1] == '\r')
        to--;
    *to = '\0';
    return ended;
}

/* Cells of the line at *at into cells, at most room of them; the number that there are. */
static size_t take_line(char **at, char **cells, size_t room)
{
    size_t count = 0;
    bool ended = false;
    while (!ended) {
        char *cell;
        ended = take_cell(at, &cell);
        if (count < room)
            cells[count] = cell;
        count++;
    }
    return count;
}

static bool read_rows(struct sheet *sheet, char *at, uint64_t line)
{
    size_t capacity = 0, line_capacity = 0;
    for (; *at != '\0'; line++) {
        if (*at == '\n' || (*at == '\r' && at[1] == '\n')) {
            at += *at == '\n' ? 1 : 2;
            continue;
        }
        grow((void **)&sheet->cells, &capacity, (sheet->rows + 1) * sheet->columns,
             sizeof *sheet->cells);
        grow((void **)&sheet->lines, &line_capacity, sheet->rows + 1, sizeof *sheet->lines);
        size_t got = take_line(&at, sheet->cells + sheet->rows * sheet->columns, sheet->columns);
        if (got != sheet->columns)
            return bad_input(sheet->problem, "%s:%llu: row: expected %zu cells, not %zu",
                             sheet->path, (unsigned long long)line, sheet->columns, got);
        sheet->lines[sheet->rows++] = line;
    }
    return sheet->rows > 0 ? true
                           : bad_input(sheet->problem, "%s:%llu: rows: expected at least one",
                                       sheet->path, (unsigned long long)line);
}

static bool read_header(struct sheet *sheet, char **at)
{
    char **cells = allocate(MOST_COLUMNS, sizeof *cells);
    sheet->columns = take_line(at, cells, MOST_COLUMNS);
    sheet->names = cells;
    if (sheet->columns > MOST_COLUMNS)
        return bad_input(sheet->problem, "%s:1: header: expected at most %d columns", sheet->path,
                         MOST_COLUMNS);
    return true;
}

bool sheet_read(const char *path, size_t columns, struct sheet *sheet, struct problem *problem)
{
    *sheet = (struct sheet){.path = path, .problem = problem, .columns = columns};
    size_t length;
    if (!unpack_text(path, &sheet->text, &length, problem))
        return false;
    char *at = sheet->text;
    static const char mark[] = "\xEF\xBB\xBF";
    at += strncmp(at, mark, 3) == 0 ? 3 : 0;
    bool headed = columns == 0;
    bool good = (!headed || read_header(sheet, &at)) && read_rows(sheet, at, headed ? 2 : 1);
    if (!good)
        sheet_release(sheet);
    return good;
}

void sheet_release(struct sheet *sheet)
{
    free(sheet->text);
    free(sheet->names);
    free(sheet->cells);
    free(sheet->lines);
    *sheet = (struct sheet){0};
}

size_t sheet_column(const struct sheet *sheet, const char *name)
{
    for (size_t c = 0; sheet->names != NULL && c < sheet->columns; c++)
        if (strcmp(sheet->names[c], name) == 0)
            return c;
    return SIZE_MAX;
}

bool sheet_need(const struct sheet *sheet, const char *name, size_t *column)
{
    *column = sheet_column(sheet, name);
    return *column != SIZE_MAX
               ? true
               : bad_input(sheet->problem, "%s:1: header: expected a column %s", sheet->path, name);
}

const char *sheet_text(const struct sheet *sheet, size_t row, size_t column)
{
    return sheet->cells[row * sheet->columns + column];
}

static bool read_number(const struct sheet *sheet, size_t row, size_t column, double least,
                        double most, bool whole, double *value)
{
    const char *text = sheet_text(sheet, row, column);
    char *end;
    double parsed = strtod(text, &end);
    bool good = end != text && *end == '\0' && isfinite(parsed) && parsed >= least &&
                parsed <= most && (!whole || parsed == floor(parsed));
    if (!good) {
        char shown[40], name[32];
        snprintf(name, sizeof name, "column %zu", column + 1);
        snprintf(shown, sizeof shown, "%.39s", text);
        for (char *c = shown; *c != '\0'; c++)
            if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7E)
                *c = '?';
        return bad_input(sheet->problem,
                         "%s:%llu: %.80s: expected a %snumber from %g to %g, not \"%s\"",
                         sheet->path, (unsigned long long)sheet->lines[row],
                         sheet->names != NULL ? sheet->names[column] : name, whole ? "whole " : "",
                         least, most, shown);
    }
    *value = parsed;
    return true;
}

bool sheet_number(const struct sheet *sheet, size_t row, size_t column, double least, double most,
                  double *value)
{
    return read_number(sheet, row, column, least, most, false, value);
}

bool sheet_count(const struct sheet *sheet, size_t row, size_t column, double least, double most,
                 double *value)
{
    return read_number(sheet, row, column, least, most, true, value);
}
