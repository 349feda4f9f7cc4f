/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: convolutions on MVE, three pixels and four channels at a time. What op_conv_2d.c computes without it is
 * the same. */
#ifndef DQA_MVE_CONV_H
#define DQA_MVE_CONV_H

#include "requantize.h"

#ifdef DQA_MVE

/* Whether there are four channels, and the kernel's columns are neighbours. */
static inline bool dqa_mve_conv_fits(const struct dqa_op *op) {
  return op->weight_encoding == DQA_WEIGHTS_INT8 && op->output.channels >= 4 && op->window.dilation_w <= 1 &&
         op->output.zero_points == NULL;
}

/* Writes an output row where that fits. weights: those of an output channel after those of the other. */
void dqa_mve_conv_row(const struct dqa_op *op, uint32_t y, const int8_t *weights, int8_t *out);

#endif
#endif
