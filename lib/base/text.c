/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text: what UTF-8 is, and the text handed out by the library.
 */
#include "base/internal.h"

#include <string.h>

size_t lls_utf8_step(const char *text, size_t length)
{
    if (length == 0)
        return 0;
    const unsigned char *t = (const unsigned char *)text;
    if (t[0] < 0x80)
        return 1;
    size_t need = t[0] >= 0xC2 && t[0] <= 0xDF   ? 2
                  : (t[0] & 0xF0) == 0xE0        ? 3
                  : t[0] >= 0xF0 && t[0] <= 0xF4 ? 4
                                                 : 0;
    if (need == 0 || length < need)
        return 0;
    for (size_t i = 1; i < need; i++)
        if ((t[i] & 0xC0) != 0x80)
            return 0;
    /* Overlong forms, surrogates, and what lies above U+10FFFF. */
    if ((t[0] == 0xE0 && t[1] < 0xA0) || (t[0] == 0xED && t[1] > 0x9F) ||
        (t[0] == 0xF0 && t[1] < 0x90) || (t[0] == 0xF4 && t[1] > 0x8F))
        return 0;
    return need;
}

bool lls_utf8_valid(const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        size_t step = lls_utf8_step(text, left);
        if (step == 0)
            return false;
        text += step;
        left -= step;
    }
    return true;
}

llmsched_status lls_text_create(const llmsched_context *context, const char *data, size_t length,
                                llmsched_text **text, llmsched_error *err)
{
    if (length == SIZE_MAX)
        return lls_fail_memory(err);
    llmsched_text *t = lls_calloc(context, 1, sizeof *t);
    char *copy = lls_calloc(context, length + 1, 1);
    if (t == NULL || copy == NULL) {
        lls_free(context, t);
        lls_free(context, copy);
        return lls_fail_memory(err);
    }
    if (length > 0)
        memcpy(copy, data, length);
    t->data = copy;
    t->length = length;
    t->context = lls_context_retain(context);
    *text = t;
    return LLMSCHED_OK;
}

const char *llmsched_text_data(const llmsched_text *text)
{
    return text != NULL ? text->data : "";
}

size_t llmsched_text_length(const llmsched_text *text)
{
    return text != NULL ? text->length : 0;
}

void llmsched_text_destroy(llmsched_text *text)
{
    if (text == NULL)
        return;
    llmsched_context *context = text->context;
    lls_free(context, text->data);
    lls_free(context, text);
    lls_context_release(context);
}
