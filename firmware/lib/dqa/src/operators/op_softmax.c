/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: SOFTMAX over the channels of each pixel. u16 table[256]: the exponential of a difference from the largest value.
 */
#include "softmax.h"

enum { TABLE = 0 };

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  const uint32_t channels = op->output.channels;
  struct dqa_ring ring;
  (void)acc;
  dqa_ring_of(op, 0, &ring);
  const int8_t *values = dqa_ring_slot(&ring, y);
  for (uint32_t x = 0; x < op->output.width; ++x) {
    dqa_softmax_pixel(dqa_op_table(op, TABLE), values + x * channels, channels, out + x * channels);
  }
}

const struct dqa_operator dqa_op_softmax = {.parameter_bytes = 4,
                                            .min_inputs = 1,
                                            .max_inputs = 1,
                                            .traits = 0,
                                            .check = dqa_softmax_fits,
                                            .goes_on = dqa_rows_go_on,
                                            .row = row};
