/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: MEAN over the whole map; output 1 x 1 x C. Takes input rows as they come: acc[c] is the sum so far. */
#include "mve.h"
#include "operator.h"
#include "requantize.h"

enum { MAX_PIXELS = 1 << 15 };

static void accumulate(const struct dqa_op *op, uint32_t y, const int8_t *values, int32_t *acc) {
  const uint32_t channels = op->input.channels;
  if (y == 0) {
    memset(acc, 0, 4 * (size_t)channels);
  }
  uint32_t first = 0; /* channel that is left */
#ifdef DQA_MVE
  for (; first + 4 <= channels; first += 4) {
    int32x4_t sums = vldrwq_s32(acc + first);
    const int8_t *value = values + first;
    for (uint32_t x = op->input.width; x > 0; --x, value += channels) {
      sums = vaddq_s32(sums, vldrbq_s32(value));
    }
    vstrwq_s32(acc + first, sums);
  }
#endif
  for (uint32_t x = 0; x < op->input.width; ++x, values += channels) {
    for (uint32_t c = first; c < channels; ++c) {
      acc[c] = dqa_add_modulo(acc[c], values[c]);
    }
  }
}

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  const uint32_t reciprocal = (uint32_t)dqa_reciprocal((uint32_t)op->input.height * op->input.width);
  (void)y;
  for (uint32_t o = 0; o < op->output.channels; ++o) {
    struct dqa_channel c;
    dqa_channel_at(op, o, &c);
    out[o] = dqa_finish(&c, dqa_add_modulo(c.bias, (int32_t)((uint32_t)acc[o] * reciprocal)));
  }
}

static bool check(const struct dqa_op *op) {
  return op->output.height == 1 && op->output.width == 1 && op->output.channels == op->input.channels &&
         op->input.width <= (uint32_t)MAX_PIXELS / op->input.height && dqa_biases_fit(op, DQA_POOL_SUM);
}

const struct dqa_operator dqa_op_mean = {.parameter_bytes = DQA_REQUANTIZATION_BYTES,
                                         .min_inputs = 1,
                                         .max_inputs = 1,
                                         .traits = DQA_REQUANTIZES,
                                         .check = check,
                                         .accumulate = accumulate,
                                         .row = row};
