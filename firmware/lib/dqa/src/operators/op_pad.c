/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: PAD. The output is its zero point(s), the input copied to row top, column left, channel before. */
#include "operator.h"

enum { TOP = 0, LEFT = 2, BEFORE = 4, RESERVED = 6 };

static struct dqa_span span(const struct dqa_op *op, uint32_t input, uint32_t y) {
  const struct dqa_span one = {(int32_t)y - dqa_u16(op->parameters + TOP), 1};
  (void)input;
  return one;
}

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  const uint32_t top = dqa_u16(op->parameters + TOP), left = dqa_u16(op->parameters + LEFT);
  const uint32_t channels = op->input.channels;
  struct dqa_ring ring;
  (void)acc;
  dqa_fill_zero_points(&op->output, out, op->output.width);
  if (y < top || y - top >= op->input.height) {
    return;
  }
  dqa_ring_of(op, 0, &ring);
  const int8_t *values = dqa_ring_slot(&ring, y - top);
  out += left * op->output.channels + dqa_u16(op->parameters + BEFORE);
  for (uint32_t x = 0; x < op->input.width; ++x, values += channels, out += op->output.channels) {
    dqa_copy(out, values, channels);
  }
}

static bool check(const struct dqa_op *op) {
  const uint8_t *p = op->parameters;
  return (uint32_t)op->input.height + dqa_u16(p + TOP) <= op->output.height &&
         (uint32_t)op->input.width + dqa_u16(p + LEFT) <= op->output.width &&
         (uint32_t)op->input.channels + dqa_u16(p + BEFORE) <= op->output.channels && dqa_u16(p + RESERVED) == 0;
}

const struct dqa_operator dqa_op_pad = {.parameter_bytes = 8,
                                        .min_inputs = 1,
                                        .max_inputs = 1,
                                        .traits = DQA_COPIES,
                                        .check = check,
                                        .goes_on = dqa_rows_go_on,
                                        .span = span,
                                        .row = row};
