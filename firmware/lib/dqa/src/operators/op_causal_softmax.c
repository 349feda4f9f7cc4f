/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: CAUSAL_SOFTMAX. SOFTMAX over the first channels of each pixel: one more with each row, or column. The others
 * get 0.
 *
 * u16 seen: the channels of the first; u8 rows: 1: one more with each row, 0: with each column. */
#include "softmax.h"

enum { TABLE = 0, SEEN = 4, ROWS = 6 };

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  const uint32_t channels = op->output.channels;
  struct dqa_ring ring;
  (void)acc;
  dqa_ring_of(op, 0, &ring);
  const int8_t *values = dqa_ring_slot(&ring, y);
  for (uint32_t x = 0; x < op->output.width; ++x, values += channels, out += channels) {
    const uint32_t sees = dqa_u16(op->parameters + SEEN) + (op->parameters[ROWS] ? y : x);
    const uint32_t first = sees < channels ? sees : channels;
    dqa_softmax_pixel(dqa_op_table(op, TABLE), values, first, out);
    for (uint32_t c = first; c < channels; ++c) {
      out[c] = -128;
    }
  }
}

static bool check(const struct dqa_op *op) {
  return dqa_softmax_fits(op) && dqa_u16(op->parameters + SEEN) > 0 && op->parameters[ROWS] <= 1 &&
         op->parameters[ROWS + 1] == 0;
}

const struct dqa_operator dqa_op_causal_softmax = {
    .parameter_bytes = 8, .min_inputs = 1, .max_inputs = 1, .traits = 0, .check = check, .row = row};
