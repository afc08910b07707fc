/* SPDX-License-Identifier: Apache-2.0 */
/* Characters of texts that may hold anything. */
#ifndef UTF8_H
#define UTF8_H

#include <stdint.h>

/* The character at *c, which moves on behind it; 0xFFFD for bytes that are not UTF-8. */
uint32_t utf8_take(const unsigned char **c);
/* The first byte that begins no character, or NULL. */
const char *utf8_fault(const char *text);

#endif
