/* SPDX-License-Identifier: Apache-2.0 */
#include "utf8.h"

#include <stddef.h>

uint32_t utf8_take(const unsigned char **c)
{
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    unsigned char first = *(*c)++;
    int more = first < 0x80 ? 0 : first < 0xC2 ? -1 : first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
    if (more < 0 || first > 0xF4)
        return 0xFFFD;
    uint32_t code = more == 0 ? first : first & (0x3Fu >> more);
    for (int i = 0; i < more; i++) {
        if (((*c)[i] & 0xC0) != 0x80)
            return 0xFFFD;
        code = code << 6 | ((*c)[i] & 0x3Fu);
    }
    if (code < least[more] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
        return 0xFFFD;
    *c += more;
    return code;
}

const char *utf8_fault(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0';) {
        const unsigned char *start = c;
        if (utf8_take(&c) == 0xFFFD && c - start != 3)
            return (const char *)start;
    }
    return NULL;
}
