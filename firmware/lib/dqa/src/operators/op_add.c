/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: ADD. acc = bias + a * weights_a + b * weights_b, i16 weights per channel; both inputs have the output's shape.
 */
#include "operator.h"
#include "requantize.h"

enum { WEIGHTS_A = 0, WEIGHTS_B = 4 };

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  const uint8_t *weights_a = dqa_op_table(op, WEIGHTS_A), *weights_b = dqa_op_table(op, WEIGHTS_B);
  const uint32_t channels = op->output.channels, count = op->output.row_values;
  struct dqa_ring ring_a, ring_b;
  (void)acc;
  dqa_ring_of(op, 0, &ring_a);
  dqa_ring_of(op, 1, &ring_b);
  const int8_t *a = dqa_ring_slot(&ring_a, y), *b = dqa_ring_slot(&ring_b, y);
  for (uint32_t o = 0; o < channels; ++o) {
    const int32_t wa = dqa_i16(weights_a + 2 * o), wb = dqa_i16(weights_b + 2 * o);
    struct dqa_channel c;
    dqa_channel_at(op, o, &c);
    for (uint32_t i = o; i < count; i += channels) {
      out[i] = dqa_finish(&c, c.bias + a[i] * wa + b[i] * wb);
    }
  }
}

static bool check(const struct dqa_op *op) {
  const uint32_t channels = op->output.channels;
  struct dqa_edge second;
  dqa_edge_at(op->model, dqa_op_input(op, 1), &second);
  return dqa_same_shape(&op->input, &op->output) && dqa_same_shape(&second, &op->output) &&
         dqa_in_program(op->model, dqa_u32(op->parameters + WEIGHTS_A), channels, 2) &&
         dqa_in_program(op->model, dqa_u32(op->parameters + WEIGHTS_B), channels, 2) &&
         dqa_biases_fit(op, 2u * 128u * 32768u);
}

const struct dqa_operator dqa_op_add = {.parameter_bytes = 8 + DQA_REQUANTIZATION_BYTES,
                                        .min_inputs = 2,
                                        .max_inputs = 2,
                                        .traits = DQA_REQUANTIZES,
                                        .check = check,
                                        .row = row};
