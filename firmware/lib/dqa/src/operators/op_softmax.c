/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: SOFTMAX over the channels of each pixel. u16 table[256]: the exponential of a difference from the largest value.
 *
 * 65535 channels of 65535 still sum below 2^32; table[0] > 0 keeps the sum above 0. */
#include "operator.h"

enum { TABLE = 0 };

static void pixel(const uint8_t *table, const int8_t *values, uint32_t channels, int8_t *out) {
  int32_t largest = -128;
  uint32_t sum = 0;
  for (uint32_t c = 0; c < channels; ++c) {
    largest = values[c] > largest ? values[c] : largest;
  }
  for (uint32_t c = 0; c < channels; ++c) {
    sum += dqa_u16(table + 2 * (largest - values[c]));
  }
  for (uint32_t c = 0; c < channels; ++c) {
    const uint32_t share = (dqa_u16(table + 2 * (largest - values[c])) * 256u + sum / 2) / sum;
    out[c] = (int8_t)((int32_t)(share > 255 ? 255 : share) - 128);
  }
}

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  const uint32_t channels = op->output.channels;
  struct dqa_ring ring;
  (void)acc;
  dqa_ring_of(op, 0, &ring);
  const int8_t *values = dqa_ring_slot(&ring, y);
  for (uint32_t x = 0; x < op->output.width; ++x) {
    pixel(dqa_op_table(op, TABLE), values + x * channels, channels, out + x * channels);
  }
}

static bool check(const struct dqa_op *op) {
  return dqa_same_shape(&op->input, &op->output) && op->output.low == -128 && op->output.high == 127 &&
         dqa_in_program(op->model, dqa_u32(op->parameters + TABLE), 256, 2) && dqa_u16(dqa_op_table(op, TABLE)) > 0;
}

const struct dqa_operator dqa_op_softmax = {.parameter_bytes = 4,
                                            .min_inputs = 1,
                                            .max_inputs = 1,
                                            .traits = 0,
                                            .check = check,
                                            .goes_on = dqa_rows_go_on,
                                            .row = row};
