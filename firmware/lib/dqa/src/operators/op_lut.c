/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: LUT. i8 table[256]: value -> table[value + 128]; any function of one value. */
#include "operator.h"

enum { TABLE = 0 };

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  const uint8_t *table = dqa_op_table(op, TABLE);
  struct dqa_ring ring;
  (void)acc;
  dqa_ring_of(op, 0, &ring);
  const int8_t *values = dqa_ring_slot(&ring, y);
  for (uint32_t i = 0; i < op->output.row_values; ++i) {
    out[i] = (int8_t)table[values[i] + 128];
  }
}

static bool check(const struct dqa_op *op) {
  if (!dqa_same_shape(&op->input, &op->output) || !dqa_in_program(op->model, dqa_u32(op->parameters + TABLE), 256, 1)) {
    return false;
  }
  const uint8_t *table = dqa_op_table(op, TABLE);
  for (uint32_t i = 0; i < 256; ++i) {
    if ((int8_t)table[i] < op->output.low || (int8_t)table[i] > op->output.high) {
      return false;
    }
  }
  return true;
}

const struct dqa_operator dqa_op_lut = {.parameter_bytes = 4,
                                        .min_inputs = 1,
                                        .max_inputs = 1,
                                        .traits = 0,
                                        .check = check,
                                        .goes_on = dqa_rows_go_on,
                                        .row = row};
