/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: rows of depthwise convolutions of 3 x 3 with stride 1 in blocks, of values 0..127. */
#include "depthwise_row.h"

#ifdef DQA_BLOCKS

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  (void)acc;
  dqa_depthwise_row(op, y, 1, true, out);
}

const struct dqa_operator dqa_part_depthwise_1_positive = {.row = row};

#else
const struct dqa_operator dqa_part_depthwise_1_positive = {.row = NULL};
#endif
