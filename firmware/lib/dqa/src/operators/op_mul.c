/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: MUL. acc = bias + (32 * a - zeros_a) * (32 * b - zeros_b), i16 zero points per channel in units of 1/32; a or b
 * may be repeated. */
#include "broadcast.h"
#include "requantize.h"

enum { ZEROS_A = 0, ZEROS_B = 4, UNITS = 32, MOST = 128 * UNITS };

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  const uint8_t *zeros_a = dqa_op_table(op, ZEROS_A), *zeros_b = dqa_op_table(op, ZEROS_B);
  const uint32_t channels = op->output.channels, count = op->output.row_values;
  struct dqa_operand a, b;
  (void)acc;
  dqa_operand_of(op, 0, y, &a);
  dqa_operand_of(op, 1, y, &b);
  for (uint32_t o = 0; o < channels; ++o, a.values += a.channel, b.values += b.channel) {
    const int32_t za = dqa_i16(zeros_a + 2 * o), zb = dqa_i16(zeros_b + 2 * o);
    const int8_t *at_a = a.values, *at_b = b.values;
    struct dqa_channel c;
    dqa_channel_at(op, o, &c);
    for (uint32_t i = o; i < count; i += channels, at_a += a.pixel, at_b += b.pixel) {
      out[i] = dqa_finish(&c, c.bias + (*at_a * UNITS - za) * (*at_b * UNITS - zb));
    }
  }
}

static bool zeros_fit(const struct dqa_op *op, uint32_t parameter) {
  const uint32_t channels = op->output.channels;
  if (!dqa_in_program(op->model, dqa_u32(op->parameters + parameter), channels, 2)) {
    return false;
  }
  for (uint32_t c = 0; c < channels; ++c) {
    const int32_t zero = dqa_i16(dqa_op_table(op, parameter) + 2 * c);
    if (zero < -MOST || zero > MOST) {
      return false;
    }
  }
  return true;
}

static bool check(const struct dqa_op *op) {
  return dqa_operands_fit(op) && zeros_fit(op, ZEROS_A) && zeros_fit(op, ZEROS_B) && dqa_biases_fit(op, 1u << 26);
}

const struct dqa_operator dqa_op_mul = {.parameter_bytes = 8 + DQA_REQUANTIZATION_BYTES,
                                        .min_inputs = 2,
                                        .max_inputs = 2,
                                        .traits = DQA_REQUANTIZES,
                                        .check = check,
                                        .goes_on = dqa_rows_go_on,
                                        .span = dqa_operand_span,
                                        .row = row};
