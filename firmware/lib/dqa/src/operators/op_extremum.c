/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: EXTREMUM. u8 largest: the larger (1) or the smaller (0) of two values; either input may be repeated. */
#include "broadcast.h"

enum { LARGEST = 0 };

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  const bool largest = op->parameters[LARGEST] != 0;
  struct dqa_operand a, b;
  (void)acc;
  dqa_operand_of(op, 0, y, &a);
  dqa_operand_of(op, 1, y, &b);
  for (uint32_t x = 0; x < op->output.width; ++x, a.values += a.pixel, b.values += b.pixel) {
    for (uint32_t c = 0; c < op->output.channels; ++c) {
      const int8_t first = a.values[c * a.channel], second = b.values[c * b.channel];
      *out++ = (first > second) == largest ? first : second;
    }
  }
}

static bool check(const struct dqa_op *op) {
  const uint8_t *p = op->parameters;
  return dqa_operands_fit(op) && p[LARGEST] <= 1 && p[1] == 0 && p[2] == 0 && p[3] == 0;
}

const struct dqa_operator dqa_op_extremum = {.parameter_bytes = 4,
                                             .min_inputs = 2,
                                             .max_inputs = 2,
                                             .traits = DQA_COPIES,
                                             .check = check,
                                             .goes_on = dqa_rows_go_on,
                                             .span = dqa_operand_span,
                                             .row = row};
