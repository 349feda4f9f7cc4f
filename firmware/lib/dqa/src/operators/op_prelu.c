/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: PRELU. v = value - zero point; acc = bias + v * (v > 0 ? above : below), i16 weights per channel. */
#include "operator.h"
#include "requantize.h"

enum { ABOVE = 0, BELOW = 4 };

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  const uint8_t *above = dqa_op_table(op, ABOVE), *below = dqa_op_table(op, BELOW);
  const uint32_t channels = op->output.channels, count = op->output.row_values;
  struct dqa_ring ring;
  (void)acc;
  dqa_ring_of(op, 0, &ring);
  const int8_t *values = dqa_ring_slot(&ring, y);
  for (uint32_t o = 0; o < channels; ++o) {
    const int32_t zero = dqa_zero_point(&op->input, o);
    const int32_t up = dqa_i16(above + 2 * o), down = dqa_i16(below + 2 * o);
    struct dqa_channel c;
    dqa_channel_at(op, o, &c);
    for (uint32_t i = o; i < count; i += channels) {
      const int32_t v = values[i] - zero;
      out[i] = dqa_finish(&c, c.bias + v * (v > 0 ? up : down));
    }
  }
}

static bool check(const struct dqa_op *op) {
  const uint32_t channels = op->output.channels;
  return dqa_same_shape(&op->input, &op->output) &&
         dqa_in_program(op->model, dqa_u32(op->parameters + ABOVE), channels, 2) &&
         dqa_in_program(op->model, dqa_u32(op->parameters + BELOW), channels, 2) && dqa_biases_fit(op, 256u * 32768u);
}

const struct dqa_operator dqa_op_prelu = {.parameter_bytes = 8 + DQA_REQUANTIZATION_BYTES,
                                          .min_inputs = 1,
                                          .max_inputs = 1,
                                          .traits = DQA_REQUANTIZES,
                                          .check = check,
                                          .goes_on = dqa_rows_go_on,
                                          .row = row};
