/* SPDX-License-Identifier: Apache-2.0 */
/* What manifests have in common. */
#ifndef MANIFEST_H
#define MANIFEST_H

#include "placement.h"

/* Names of the models in small letters, digits and '-', 1 to 50 of them, no two alike; free() each
 * and all. */
char **manifest_names(const struct placement *p);
void manifest_names_release(const struct placement *p, char **names);

/* The plan runs on more than one kind of GPU. */
bool has_several_kinds(const struct placement *p);

/* Refuses what does not have its GPUs whole and for itself; `why` ends the message. */
bool check_whole(const struct placement *p, const char *why);

#endif
