/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file llmsched.h
 * The whole interface of libllmsched: this is the header to include.
 */
#ifndef LLMSCHED_H
#define LLMSCHED_H

#include "llmsched/base.h"
#include "llmsched/dag.h"
#include "llmsched/network.h"
#include "llmsched/planner.h"
#include "llmsched/profiler.h"
#include "llmsched/quantifier.h"
#include "llmsched/scheduler.h"
#include "llmsched/trace.h"

#endif
