/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: RESHAPE. The same values in the same order, in rows of another length. */
#include "operator.h"

static struct dqa_span span(const struct dqa_op *op, uint32_t input, uint32_t y) {
  const struct dqa_span alone = {(int32_t)y, 1};
  if (op->input.row_values == op->output.row_values) { /* also where rows go on without end */
    return alone;
  }
  const uint32_t length = op->input.row_values, first = y * op->output.row_values; /* <= 2^24 */
  const uint32_t last = first + op->output.row_values - 1u;
  const struct dqa_span rows = {(int32_t)(first / length), last / length - first / length + 1u};
  (void)input;
  return rows;
}

static uint32_t greatest_common_divisor(uint32_t a, uint32_t b) {
  while (b != 0) {
    const uint32_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

/* Rows of the output begin at every multiple of the divisor in a row of the input; from the last the span is longest.
 */
static uint32_t ring_rows(const struct dqa_op *op) {
  const uint32_t length = op->input.row_values;
  const uint32_t divisor = greatest_common_divisor(op->output.row_values, length);
  return (op->output.row_values - divisor + length - 1u) / length + 1u;
}

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  const uint32_t length = op->input.row_values;
  uint32_t at = y * op->output.row_values, left = op->output.row_values;
  struct dqa_ring ring;
  (void)acc;
  dqa_ring_of(op, 0, &ring);
  if (length == left) {
    dqa_copy(out, dqa_ring_slot(&ring, y), length);
    return;
  }
  while (left > 0) {
    const uint32_t column = at % length;
    const uint32_t count = length - column < left ? length - column : left;
    dqa_copy(out, dqa_ring_slot(&ring, at / length) + column, count);
    out += count;
    at += count;
    left -= count;
  }
}

static bool check(const struct dqa_op *op) {
  return op->input.height * op->input.row_values == op->output.height * op->output.row_values;
}

const struct dqa_operator dqa_op_reshape = {.parameter_bytes = 0,
                                            .min_inputs = 1,
                                            .max_inputs = 1,
                                            .traits = DQA_COPIES,
                                            .check = check,
                                            .goes_on = dqa_rows_go_on,
                                            .span = span,
                                            .ring_rows = ring_rows,
                                            .row = row};
