/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: FULLY_CONNECTED, weights in pairs of outputs. */
#include "dense.h"
#include "mve_dense.h"
#include "pairs.h"

static void sum_products(const struct dqa_op *op, uint32_t y, const int8_t *values, uint32_t o,
                         int32_t sums[DQA_DENSE_OUTPUTS]) {
  const uint32_t length = op->input.row_values;
  const uint8_t *const group = dqa_op_table(op, DQA_DENSE_WEIGHTS) + o * op->input.height * length;
  dqa_pair_products(group + DQA_DENSE_OUTPUTS * y * length, values, length, sums);
}

static void accumulate(const struct dqa_op *op, uint32_t y, const int8_t *values, int32_t *acc) {
  dqa_dense_accumulate(op, y, values, 0, acc, sum_products);
}

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  const int8_t *const values = acc == NULL ? dqa_dense_values(op) : NULL;
  (void)y;
#ifdef DQA_MVE
  if (acc == NULL && dqa_mve_pair_row(op, dqa_op_table(op, DQA_DENSE_WEIGHTS), values, out)) {
    return;
  }
#endif
  if (acc != NULL || !dqa_pair_row(op, dqa_u32(op->parameters + DQA_DENSE_WEIGHTS), values, out)) {
    dqa_dense_row(op, values, 0, acc, out, sum_products);
  }
}

const struct dqa_operator dqa_part_dense_pairs = {.accumulate = accumulate, .row = row};
