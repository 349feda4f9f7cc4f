/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: every operator and storage, for programs that are not known when the firmware is linked. */
#include "dqa.h"

#define ENTRY(NAME, name, number) [number] = &dqa_op_##name,
#define PART(NAME, name) [DQA_PART_##NAME] = &dqa_part_##name,

const struct dqa_operator *const dqa_all_operators[DQA_TABLE_ENTRIES] = {
    [DQA_CODED_MAPS] = &dqa_coded_maps, DQA_FOR_EACH_OPERATOR(ENTRY) DQA_FOR_EACH_PART(PART)};
