/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: CONSTANT. i8 values[H][W][C], the output whatever comes in: an operand that the network holds. Row y waits for
 * row y of the input, or its last one, so that it comes when the other operand does. */
#include <string.h>

#include "operator.h"

enum { VALUES = 0 };

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  (void)acc;
  memcpy(out, dqa_op_table(op, VALUES) + y * op->output.row_values, op->output.row_values);
}

static struct dqa_span span(const struct dqa_op *op, uint32_t input, uint32_t y) {
  const uint32_t last = dqa_edge_height(op->model, dqa_op_input(op, input)) - 1u;
  const struct dqa_span one = {(int32_t)(y < last ? y : last), 1};
  return one;
}

static bool check(const struct dqa_op *op) {
  const uint32_t values = op->output.height * op->output.row_values;
  if (!dqa_in_program(op->model, dqa_u32(op->parameters + VALUES), values, 1)) {
    return false;
  }
  const uint8_t *table = dqa_op_table(op, VALUES);
  for (uint32_t i = 0; i < values; ++i) {
    if ((int8_t)table[i] < op->output.low || (int8_t)table[i] > op->output.high) {
      return false;
    }
  }
  return true;
}

const struct dqa_operator dqa_op_constant = {
    .parameter_bytes = 4, .min_inputs = 1, .max_inputs = 1, .traits = 0, .check = check, .span = span, .row = row};
