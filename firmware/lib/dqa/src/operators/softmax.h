/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: the softmax of one pixel, of SOFTMAX and CAUSAL_SOFTMAX. */
#ifndef DQA_SOFTMAX_H
#define DQA_SOFTMAX_H

#include "operator.h"

/* table: u16[256], the exponential of a difference from the largest value. 65535 channels of 65535 still sum below
 * 2^32; table[0] > 0 keeps the sum above 0. channels: 1 at least. */
static inline void dqa_softmax_pixel(const uint8_t *table, const int8_t *values, uint32_t channels, int8_t *out) {
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

/* The check of both: table at parameter 0. */
static inline bool dqa_softmax_fits(const struct dqa_op *op) {
  return dqa_same_shape(&op->input, &op->output) && op->output.low == -128 && op->output.high == 127 &&
         dqa_in_program(op->model, dqa_u32(op->parameters), 256, 2) && dqa_u16(dqa_op_table(op, 0)) > 0;
}

#endif
