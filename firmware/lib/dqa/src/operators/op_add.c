/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: ADD. acc = bias + a * weights_a + b * weights_b, i16 weights per channel; a or b may be repeated. */
#include "broadcast.h"
#include "requantize.h"

enum { WEIGHTS_A = 0, WEIGHTS_B = 4 };

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  const uint8_t *weights_a = dqa_op_table(op, WEIGHTS_A), *weights_b = dqa_op_table(op, WEIGHTS_B);
  const uint32_t channels = op->output.channels, count = op->output.row_values;
  struct dqa_operand a, b;
  (void)acc;
  dqa_operand_of(op, 0, y, &a);
  dqa_operand_of(op, 1, y, &b);
  for (uint32_t o = 0; o < channels; ++o, a.values += a.channel, b.values += b.channel) {
    const int32_t wa = dqa_i16(weights_a + 2 * o), wb = dqa_i16(weights_b + 2 * o);
    const int8_t *at_a = a.values, *at_b = b.values;
    struct dqa_channel c;
    dqa_channel_at(op, o, &c);
    for (uint32_t i = o; i < count; i += channels, at_a += a.pixel, at_b += b.pixel) {
      out[i] = dqa_finish(&c, c.bias + *at_a * wa + *at_b * wb);
    }
  }
}

static bool check(const struct dqa_op *op) {
  const uint32_t channels = op->output.channels;
  return dqa_operands_fit(op) && dqa_in_program(op->model, dqa_u32(op->parameters + WEIGHTS_A), channels, 2) &&
         dqa_in_program(op->model, dqa_u32(op->parameters + WEIGHTS_B), channels, 2) &&
         dqa_biases_fit(op, 2u * 128u * 32768u);
}

const struct dqa_operator dqa_op_add = {.parameter_bytes = 8 + DQA_REQUANTIZATION_BYTES,
                                        .min_inputs = 2,
                                        .max_inputs = 2,
                                        .traits = DQA_REQUANTIZES,
                                        .check = check,
                                        .span = dqa_operand_span,
                                        .row = row};
