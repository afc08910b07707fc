/* SPDX-License-Identifier: Apache-2.0 */
/* Words of shell commands. */
#ifndef SHELL_H
#define SHELL_H

#include <stdio.h>

/* One word, quoted where it has to be. */
void shell_word(FILE *file, const char *text);
/* Inside a comment: without line breaks. */
void shell_comment(FILE *file, const char *text);

#endif
