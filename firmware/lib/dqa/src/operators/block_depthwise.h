/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: depthwise convolutions of 3 x 3 on the DSP extension, a stretch of a row at a time. What
 * op_depthwise_conv_2d.c computes without it is the same. */
#ifndef DQA_BLOCK_DEPTHWISE_H
#define DQA_BLOCK_DEPTHWISE_H

#include "dsp.h"
#include "requantize.h"
#include "taps.h"

/* Bytes of the room for a block of op->block output pixels, 0 if it may have none: of four channels, the columns under
 * the kernel and its own. */
static inline uint32_t dqa_depthwise_block_bytes(const struct dqa_op *op) {
  const struct dqa_window *w = &op->window;
  const bool fits = w->kernel_h == 3 && w->kernel_w == 3 && w->dilation_h == 1 && w->dilation_w == 1 &&
                    w->stride_w <= 2 && op->output.channels == op->input.channels && op->input.channels >= 4 &&
                    op->block <= op->output.width && op->output.zero_points == NULL;
  return fits ? ((op->block - 1u) * w->stride_w + 6u) * 4u * 8u : 0;
}

#ifdef DQA_BLOCKS

/* Writes an output row, or not, if a channel's zero point cannot be added before its shift. weights: of the kernel's
 * first element. */
bool dqa_depthwise_row(const struct dqa_op *op, uint32_t y, const int8_t *weights, int8_t *out);

#endif
#endif
