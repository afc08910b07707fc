/* SPDX-License-Identifier: Apache-2.0 */
/* From the models' published configurations and the GPUs' data sheets. */
#include "architecture.h"

#include <ctype.h>
#include <string.h>

#include "program.h"

static const struct architecture ARCHITECTURES[] = {
    /* name, parameters, bytes, layers, hidden, heads, kv heads, head, ffn, vocabulary */
    {"opt-13b", 12.85e9, 0, 40, 5120, 40, 40, 128, 20480, 50272},
    {"opt-66b", 65.72e9, 0, 64, 9216, 72, 72, 128, 36864, 50272},
    {"opt-175b", 174.6e9, 0, 96, 12288, 96, 96, 128, 49152, 50272},
    {"llama-7b", 6.74e9, 0, 32, 4096, 32, 32, 128, 11008, 32000},
    {"llama-13b", 13.015e9, 0, 40, 5120, 40, 40, 128, 13824, 32000},
    {"llama-30b", 32.53e9, 0, 60, 6656, 52, 52, 128, 17920, 32000},
    {"llama-65b", 65.29e9, 0, 80, 8192, 64, 64, 128, 22016, 32000},
    {"llama1_30b", 32.53e9, 0, 60, 6656, 52, 52, 128, 17920, 32000},
    {"llama2_70b", 68.98e9, 0, 80, 8192, 64, 8, 128, 28672, 32000},
    {"llama-2-7b", 6.74e9, 0, 32, 4096, 32, 32, 128, 11008, 32000},
    {"llama-2-13b", 13.015e9, 0, 40, 5120, 40, 40, 128, 13824, 32000},
    {"llama-2-70b", 68.98e9, 0, 80, 8192, 64, 8, 128, 28672, 32000},
    {"llama-3-8b", 8.03e9, 0, 32, 4096, 32, 8, 128, 14336, 128256},
    {"llama-3-70b", 70.6e9, 0, 80, 8192, 64, 8, 128, 28672, 128256},
    {"llama-3.1-8b", 8.03e9, 0, 32, 4096, 32, 8, 128, 14336, 128256},
    {"llama-3.1-70b", 70.6e9, 0, 80, 8192, 64, 8, 128, 28672, 128256},
    {"llama-3.3-70b", 70.6e9, 0, 80, 8192, 64, 8, 128, 28672, 128256},
    {"nemotron-70b", 70.6e9, 0, 80, 8192, 64, 8, 128, 28672, 128256},
    {"qwen2.5-7b", 7.62e9, 0, 28, 3584, 28, 4, 128, 18944, 152064},
    {"qwen3-32b", 32.76e9, 0, 64, 5120, 64, 8, 128, 25600, 151936},
    {"mixtral-8x7b", 46.7e9, 0, 32, 4096, 32, 8, 128, 0, 32000},
    {"mistral-small", 23.57e9, 0, 40, 5120, 32, 8, 128, 32768, 131072},
    {"phi-4", 14.66e9, 0, 40, 5120, 40, 10, 128, 17920, 100352},
    {"granite-3.1-8b", 8.17e9, 0, 40, 4096, 32, 8, 128, 12800, 49155},
    {"smollm3-3b", 3.08e9, 0, 36, 2048, 16, 4, 128, 11008, 128256},
    {"gpt-oss-20b", 20.9e9, 13.8e9, 24, 2880, 64, 8, 64, 0, 201088},
    {"gpt-oss-120b", 116.8e9, 65.3e9, 36, 2880, 64, 8, 64, 0, 201088},
    {"llama-4-scout", 108.6e9, 0, 48, 5120, 40, 8, 128, 0, 202048},
    {"llama-4-maverick", 401.6e9, 0, 48, 5120, 40, 8, 128, 0, 202048},
};

/* With the scales of the usual block sizes. */
static const struct {
    const char *name;
    double bytes;
} PRECISIONS[] = {{"bf16", 2.0},  {"bfloat16", 2.0}, {"fp16", 2.0},     {"float16", 2.0},
                  {"fp8", 1.0},   {"w8a8", 1.0},     {"int8", 1.0},     {"fp4", 0.5625},
                  {"int4", 0.53}, {"w4a16", 0.53},   {"fp8_block", 1.0}};

static const struct {
    const char *name;
    double bytes_per_s;
} GPUS[] = {{"a100-40g", 1.555e12}, {"a100-80g", 2.039e12}, {"h100-80g", 3.35e12},
            {"h200-141g", 4.8e12},  {"b200-192g", 8e12},    {"b300-288g", 8e12},
            {"l4-24g", 3e11},       {"l40s-48g", 8.64e11},  {"t4-16g", 3.2e11},
            {"v100-16g", 9e11}};

bool contains_word(const char *text, const char *part)
{
    for (; *text != '\0'; text++) {
        size_t i = 0;
        while (part[i] != '\0' &&
               tolower((unsigned char)text[i]) == tolower((unsigned char)part[i]))
            i++;
        if (part[i] == '\0')
            return true;
    }
    return false;
}

const struct architecture *architecture_find(const char *model)
{
    const struct architecture *best = NULL;
    for (size_t i = 0; i < COUNT_OF(ARCHITECTURES); i++)
        if (contains_word(model, ARCHITECTURES[i].name) &&
            (best == NULL || strlen(ARCHITECTURES[i].name) > strlen(best->name)))
            best = &ARCHITECTURES[i];
    return best;
}

double precision_bytes(const char *precision)
{
    for (size_t i = 0; i < COUNT_OF(PRECISIONS); i++)
        if (strcmp(PRECISIONS[i].name, precision) == 0)
            return PRECISIONS[i].bytes;
    return 0.0;
}

double gpu_bandwidth(const char *kind)
{
    for (size_t i = 0; i < COUNT_OF(GPUS); i++)
        if (strcmp(GPUS[i].name, kind) == 0)
            return GPUS[i].bytes_per_s;
    return 0.0;
}
