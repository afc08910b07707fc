/* SPDX-License-Identifier: Apache-2.0 */
/* The built-in policies by name, and their typed options. */
#include "schedule/internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In the order in which tables list them. */
static const lls_builtin *const builtins[] = {
    &lls_policy_fcfs,        &lls_policy_fair,     &lls_policy_sjf,     &lls_policy_sjf_given,
    &lls_policy_srtf,        &lls_policy_argus,    &lls_policy_carbyne, &lls_policy_plas,
    &lls_policy_atlas,       &lls_policy_llmsched, &lls_policy_gittins, &lls_policy_fair_share,
    &lls_policy_oracle_srpt,
};

uint32_t llmsched_policy_count(void)
{
    return LLS_COUNT(builtins);
}

const char *llmsched_policy_name(uint32_t index)
{
    return index < LLS_COUNT(builtins) ? builtins[index]->name : NULL;
}

const char *llmsched_policy_summary(uint32_t index)
{
    return index < LLS_COUNT(builtins) ? builtins[index]->summary : NULL;
}

static const lls_policy_option *find_option(const lls_policy_option *options, uint32_t count,
                                            const char *name, size_t length)
{
    for (uint32_t i = 0; i < count; i++) {
        if (strlen(options[i].name) == length && strncmp(options[i].name, name, length) == 0)
            return &options[i];
    }
    return NULL;
}

const char *const lls_method_names[] = {
    [LLMSCHED_BY_NETWORK - 1] = "network",
    [LLMSCHED_BY_HISTORY - 1] = "history",
    [LLMSCHED_BY_TREE - 1] = "tree",
    [LLMSCHED_BY_FOREST - 1] = "forest",
};

static uint32_t name_count(const lls_policy_option *option)
{
    return (uint32_t)(option->maximum - option->minimum) + 1;
}

/* One of the option's names. */
static bool read_name(const lls_policy_option *option, const char *text, const char *end,
                      double *value)
{
    size_t length = (size_t)(end - text);
    for (uint32_t i = 0; i < name_count(option); i++) {
        const char *name = option->names[i];
        if (strlen(name) == length && strncmp(name, text, length) == 0) {
            *value = option->minimum + i;
            return true;
        }
    }
    return false;
}

/* on, off or a number that fills the text up to end. */
static bool read_number(const char *text, const char *end, double *value)
{
    size_t length = (size_t)(end - text);
    char copy[32], *stop = NULL;
    if (length == 0 || length >= sizeof copy)
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    if (strcmp(copy, "on") == 0 || strcmp(copy, "off") == 0) {
        *value = copy[1] == 'n';
        return true;
    }
    *value = strtod(copy, &stop);
    return *stop == '\0' && isfinite(*value);
}

static llmsched_status bad_value(const char *policy, const lls_policy_option *option,
                                 llmsched_error *err)
{
    char names[80] = "";
    if (option->names == NULL)
        return lls_fail(err, LLMSCHED_ERROR_INVALID, "policy %s: %s must be a number in %g .. %g",
                        policy, option->name, option->minimum, option->maximum);
    for (uint32_t i = 0; i < name_count(option); i++) {
        size_t used = strlen(names);
        (void)snprintf(names + used, sizeof names - used, "%s%s", i > 0 ? ", " : "",
                       option->names[i]);
    }
    return lls_fail(err, LLMSCHED_ERROR_INVALID, "policy %s: %s must be one of %s", policy,
                    option->name, names);
}

static bool read_value(const lls_policy_option *option, const char *text, const char *end,
                       double *value)
{
    if (option->names != NULL)
        return read_name(option, text, end, value);
    return read_number(text, end, value) && *value >= option->minimum && *value <= option->maximum;
}

llmsched_status lls_policy_options(const char *policy, const char *text,
                                   const lls_policy_option *options, uint32_t count,
                                   llmsched_error *err)
{
    while (text != NULL && *text != '\0') {
        const char *end = text + strcspn(text, ",");
        const char *equals = memchr(text, '=', (size_t)(end - text));
        size_t length = (size_t)((equals != NULL ? equals : end) - text);
        const lls_policy_option *option = find_option(options, count, text, length);
        double value = 0;
        if (option == NULL)
            return lls_fail(err, LLMSCHED_ERROR_INVALID, "policy %s has no option \"%.*s\"", policy,
                            (int)(length < 60 ? length : 60), text);
        if (equals == NULL || !read_value(option, equals + 1, end, &value))
            return bad_value(policy, option, err);
        *option->value = value;
        text = *end == ',' ? end + 1 : end;
    }
    return LLMSCHED_OK;
}

llmsched_status lls_policy_create(llmsched_context *context, const char *specification,
                                  llmsched_policy *policy, llmsched_error *err)
{
    size_t length = strcspn(specification, ":/");
    char separator = specification[length];
    const char *rest = separator != '\0' ? specification + length + 1 : NULL;
    for (uint32_t i = 0; i < LLS_COUNT(builtins); i++) {
        const lls_builtin *b = builtins[i];
        if (strlen(b->name) != length || strncmp(b->name, specification, length) != 0)
            continue;
        if (separator != '\0' && (separator == '/') != b->wraps)
            return lls_fail(err, LLMSCHED_ERROR_INVALID,
                            b->wraps ? "policy %s has no options; name another after a slash"
                                     : "policy %s takes no other policy after a slash",
                            b->name);
        return b->create(context, rest, policy, err);
    }
    return lls_fail(err, LLMSCHED_ERROR_NOT_FOUND, "there is no policy \"%.*s\"",
                    (int)(length < 60 ? length : 60), specification);
}
