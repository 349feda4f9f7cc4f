/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: REDUCE. u32 largest: the largest (1) or smallest (0) value of each channel over the whole map; output 1 x 1 x C.
 * Takes input rows as they come: acc[c] is the one so far. */
#include "operator.h"
#include "requantize.h"

enum { LARGEST = 0 };

static void accumulate(const struct dqa_op *op, uint32_t y, const int8_t *values, int32_t *acc) {
  const bool largest = op->parameters[LARGEST] != 0;
  const uint32_t channels = op->input.channels;
  for (uint32_t c = 0; y == 0 && c < channels; ++c) {
    acc[c] = values[c];
  }
  for (uint32_t x = 0; x < op->input.width; ++x, values += channels) {
    for (uint32_t c = 0; c < channels; ++c) {
      if (largest ? values[c] > acc[c] : values[c] < acc[c]) {
        acc[c] = values[c];
      }
    }
  }
}

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  (void)y;
  for (uint32_t o = 0; o < op->output.channels; ++o) {
    struct dqa_channel c;
    dqa_channel_at(op, o, &c);
    out[o] = dqa_finish(&c, dqa_add_modulo(c.bias, (int32_t)((uint32_t)acc[o] * (uint32_t)dqa_reciprocal(1))));
  }
}

static bool check(const struct dqa_op *op) {
  return dqa_u32(op->parameters + LARGEST) <= 1 && dqa_biases_fit(op, DQA_POOL_SUM) && op->output.height == 1 &&
         op->output.width == 1 && op->output.channels == op->input.channels;
}

const struct dqa_operator dqa_op_reduce = {.parameter_bytes = 4 + DQA_REQUANTIZATION_BYTES,
                                           .min_inputs = 1,
                                           .max_inputs = 1,
                                           .traits = DQA_REQUANTIZES,
                                           .check = check,
                                           .accumulate = accumulate,
                                           .row = row};
