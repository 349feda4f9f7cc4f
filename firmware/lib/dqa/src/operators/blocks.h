/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: convolutions on the DSP extension, a block of neighbouring output pixels at a time.
 *
 * What lies under the kernel at the pixels of a block is gathered once, as pairs of 16 bits that SMLAD takes two
 * products from, and serves all output channels: 15 instructions for 20 products with 5 pixels, 13 for 16 with 4, 11
 * for 12 with
 * 3. Windows of 3 columns that move by one share theirs: 19 instructions for 24 products with 4 pixels, and less room.
 * The room lies behind the transient row (docs/format.md, section 7). What op_conv_2d.c computes without blocks is the
 * same. */
#ifndef DQA_BLOCKS_H
#define DQA_BLOCKS_H

#include "dsp.h"
#include "taps.h"

enum { DQA_MIN_BLOCK = 3, DQA_MAX_BLOCK = 5 };    /* pixels */
enum { DQA_SHARING = 4, DQA_SHARED_COLUMNS = 6 }; /* pixels that share columns, and those */

/* Values under the kernel, under a row of it. */
static inline uint32_t dqa_block_values(const struct dqa_op *op) {
  return (uint32_t)op->window.kernel_h * op->window.kernel_w * op->input.channels;
}
static inline uint32_t dqa_block_run(const struct dqa_op *op) {
  return (uint32_t)op->window.kernel_w * op->input.channels;
}

/* Values of a window in the room: whole words of weights. */
static inline uint32_t dqa_block_padded(const struct dqa_op *op) {
  const uint32_t word = op->weight_encoding == DQA_WEIGHTS_AFFINE ? 8 : 4;
  return (dqa_block_values(op) + word - 1u) / word * word;
}

/* Whether the pixels of a block share columns. */
static inline bool dqa_block_shares(const struct dqa_op *op) {
  const struct dqa_window *w = &op->window;
  const uint32_t word = op->weight_encoding == DQA_WEIGHTS_AFFINE ? 8 : 4; /* inputs */
  return op->block == DQA_SHARING && w->kernel_w == 3 && w->stride_w == 1 && w->dilation_w == 1 &&
         op->input.channels % word == 0;
}

/* Bytes of the room: 16 bits for each value, and the bytes of a window where its columns are no whole words. */
static inline uint32_t dqa_block_bytes(const struct dqa_op *op) {
  const uint32_t values = dqa_block_padded(op);
  if (dqa_block_shares(op)) {
    return 2u * DQA_SHARED_COLUMNS * op->window.kernel_h * op->input.channels;
  }
  const bool packs = op->input.channels % 4u != 0 && op->window.kernel_h * op->window.kernel_w > 1;
  return 2u * op->block * values + (packs ? values : 0);
}

enum { DQA_CONV_WEIGHTS = DQA_WINDOW_BYTES }; /* where the parameters have their offset */

/* Writes an output row without a block. */
void dqa_conv_plain_row(const struct dqa_op *op, uint32_t y, int8_t *out);

#endif
