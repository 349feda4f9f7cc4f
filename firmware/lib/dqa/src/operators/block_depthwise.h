/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: DEPTHWISE_CONV_2D: the room of a block, rows without one. */
#ifndef DQA_BLOCK_DEPTHWISE_H
#define DQA_BLOCK_DEPTHWISE_H

#include "dsp.h"
#include "requantize.h"
#include "taps.h"

enum { DQA_DEPTHWISE_WEIGHTS = DQA_WINDOW_BYTES }; /* where the parameters have their offset */

/* Bytes of the room for a block of op->block output pixels, 0 if it may have none: of four channels, the columns under
 * the kernel and its own. */
static inline uint32_t dqa_depthwise_block_bytes(const struct dqa_op *op) {
  const struct dqa_window *w = &op->window;
  const bool fits = w->kernel_h == 3 && w->kernel_w == 3 && w->dilation_h == 1 && w->dilation_w == 1 &&
                    w->stride_w <= 2 && op->output.channels == op->input.channels && op->input.channels >= 4 &&
                    op->block <= op->output.width && dqa_zero_point_folds(op);
  return fits ? ((op->block - 1u) * w->stride_w + 6u) * 4u * 8u : 0;
}

/* Writes an output row without a block. */
void dqa_depthwise_plain_row(const struct dqa_op *op, uint32_t y, int8_t *out);

#endif
