/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: the one requantization, as operators apply it to a channel. */
#include "requantize.h"

int32_t dqa_requantize(int32_t acc, int32_t multiplier, unsigned shift) {
  const bool defined = multiplier >= 0 && shift >= 1 && shift <= 31;
  return defined ? dqa_scale(acc, multiplier, (int32_t)(1u << (shift - 1)), shift) : 0;
}

/* A function of its own: both take the constants from registers, which a caller's loop has none left for. */
void dqa_finish_pixels(const struct dqa_channel *c, int32_t acc0, int32_t acc1, int8_t *out, uint32_t step) {
  const struct dqa_channel channel = *c;
  out[0] = dqa_finish(&channel, acc0);
  out[step] = dqa_finish(&channel, acc1);
}

void dqa_channel_at(const struct dqa_op *op, uint32_t channel, struct dqa_channel *out) {
  out->bias = dqa_i32(op->bias + 4 * channel);
  out->multiplier = dqa_i32(op->multiplier + 4 * channel);
  out->shift = op->shift[channel];
  out->rounding = (int32_t)(1u << (out->shift - 1));
  out->zero_point = dqa_zero_point(&op->output, channel);
  out->low = op->output.low;
  out->high = op->output.high;
}

bool dqa_zero_point_folds(const struct dqa_op *op) {
  for (uint32_t c = 0; op->output.zero_point != 0 && c < op->output.channels; ++c) {
    if (op->shift[c] > DQA_FOLDED_SHIFT) {
      return false;
    }
  }
  return op->output.zero_points == NULL;
}

#ifdef DQA_BLOCKS
void dqa_clamp_block(const struct dqa_edge *edge, int8_t *values, uint32_t count) {
  const bool done = edge->high == INT8_MAX && (edge->low == INT8_MIN || edge->low == 0);
  for (uint32_t i = 0; i < count && !done; ++i) {
    const int8_t value = values[i] < edge->low ? edge->low : values[i];
    values[i] = value > edge->high ? edge->high : value;
  }
}
#endif

bool dqa_biases_fit(const struct dqa_op *op, uint32_t largest) {
  const int32_t most = INT32_MAX - (int32_t)largest;
  for (uint32_t c = 0; c < op->output.channels; ++c) {
    const int32_t bias = dqa_i32(op->bias + 4 * c);
    if (bias > most || bias < -most) {
      return false;
    }
  }
  return true;
}
