/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: the checks of dqa_load, each of what those before it have found good. */
#ifndef DQA_CHECK_H
#define DQA_CHECK_H

#include "../format/format.h"

dqa_status dqa_check_edge(const dqa_model *model, uint32_t number);
dqa_status dqa_check_operator(const dqa_model *model, uint32_t number);
bool dqa_layouts_valid(const dqa_model *model);

#endif
