/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An array in pieces, each twice as long as the one before: growing moves nothing, so that no item
 * that is added pays for all that are there.
 */
#include "base/internal.h"

#include <string.h>

enum { MOST_PIECES = 30, FIRST_DIRECTORY = 4 };

void *lls_source_take(lls_source from, size_t bytes)
{
    return from.pool != NULL ? lls_pool_take(from.pool, bytes) : lls_calloc(from.context, 1, bytes);
}

void lls_source_give(lls_source from, void *block, size_t bytes)
{
    if (from.pool != NULL)
        lls_pool_give(from.pool, block, bytes);
    else
        lls_free(from.context, block);
}

/* Where to find the pieces after the first: room for so many. */
static uint32_t directory(uint32_t pieces)
{
    uint32_t room = FIRST_DIRECTORY;
    while (room + 1 < pieces)
        room *= 2;
    return room;
}

static size_t piece_bytes(uint32_t piece, size_t item_size)
{
    return ((size_t)LLS_FIRST_PIECE << piece) * item_size;
}

/* Room for one more piece in the directory; on failure it is as it was. */
static bool reserve_directory(lls_pieces *p, lls_source from)
{
    uint32_t room = p->count > 1 ? directory(p->count) : 0, need = directory(p->count + 1);
    if (p->count == 0 || room == need)
        return true;
    void **more = lls_source_take(from, need * sizeof *more);
    if (more == NULL)
        return false;
    if (room > 0)
        memcpy(more, p->others, (p->count - 1) * sizeof *more);
    lls_source_give(from, p->others, room * sizeof *more);
    p->others = more;
    return true;
}

/* Not cleared: the pages of a big one come one by one as they are written. */
static void *take_piece(lls_source from, size_t bytes)
{
    return from.pool != NULL ? lls_pool_allocate(from.pool, bytes)
                             : lls_allocate(from.context, bytes);
}

static bool add_piece(lls_pieces *p, lls_source from, size_t item_size)
{
    size_t bytes = piece_bytes(p->count, item_size);
    void *piece = p->count < MOST_PIECES ? take_piece(from, bytes) : NULL;
    if (piece == NULL)
        return false;
    if (!reserve_directory(p, from)) {
        lls_source_give(from, piece, bytes);
        return false;
    }
    if (p->count == 0)
        p->first = piece;
    else
        p->others[p->count - 1] = piece;
    p->count++;
    return true;
}

bool lls_pieces_reserve(lls_pieces *p, lls_source from, uint32_t items, size_t item_size)
{
    while (lls_pieces_room(p) < items) {
        if (!add_piece(p, from, item_size))
            return false;
    }
    return true;
}

void lls_pieces_finish(lls_pieces *p, lls_source from, size_t item_size)
{
    for (uint32_t i = 0; i < p->count; i++)
        lls_source_give(from, i == 0 ? p->first : p->others[i - 1], piece_bytes(i, item_size));
    if (p->count > 1)
        lls_source_give(from, p->others, directory(p->count) * sizeof *p->others);
    *p = (lls_pieces){0};
}
