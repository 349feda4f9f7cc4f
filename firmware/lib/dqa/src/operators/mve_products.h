/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: output channels of one pixel or of three on MVE: sums of products, requantized, stored. */
#ifndef DQA_MVE_PRODUCTS_H
#define DQA_MVE_PRODUCTS_H

#include "requantize.h"

#ifdef DQA_MVE

enum { MVE_CHANNELS = 4, MVE_PIXELS = 3, MVE_VECTOR = 16 };

/* Runs of values, each below a run of the weights of every output channel. The asm loads some fields two at a time. */
struct mve_runs {
  const int8_t *const *rows; /* where the runs of the first pixel begin; at least one */
  uint32_t pixel_step;       /* from the values of a pixel to those of the next */
  uint32_t length;           /* of a run */
  int32_t row_gap;           /* from the end of the vectors of a run of weights to the next run: mve_row_gap */
  const int8_t *const *rows_end;
  const int8_t *weights; /* of channel 0 */
  uint32_t channel_step; /* from the weights of an output channel to those of the next */
};

/* The row_gap of runs of weights that are `step` apart. */
static inline int32_t mve_row_gap(uint32_t step, uint32_t length) {
  return (int32_t)(step - ((length + MVE_VECTOR - 1u) & ~(MVE_VECTOR - 1u)));
}

/* Writes all output channels, MVE_CHANNELS or more, of one pixel or of MVE_PIXELS neighbours. The output has one zero
 * point. */
void dqa_mve_pixels(const struct dqa_op *op, const struct mve_runs *runs, uint32_t pixels, int8_t *out);

#endif
#endif
