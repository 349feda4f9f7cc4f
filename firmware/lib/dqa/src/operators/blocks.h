/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: convolutions on the DSP extension, a block of neighbouring output pixels at a time.
 *
 * The windows of a block are gathered once, as pairs of 16 bits that SMLAD takes two products from, and serve all
 * output channels: 15 instructions for 20 products with 5 pixels, 13 for 16 with 4, 11 for 12 with 3. The room for them
 * lies behind the transient row (docs/format.md, section 7). What op_conv_2d.c computes without blocks is the same. */
#ifndef DQA_BLOCKS_H
#define DQA_BLOCKS_H

#include "dsp.h"
#include "taps.h"

enum { DQA_MIN_BLOCK = 3, DQA_MAX_BLOCK = 5 }; /* pixels */

/* Weights of an output channel, rounded up to whole words. */
static inline uint32_t dqa_block_values(const struct dqa_op *op) {
  return dqa_align((uint32_t)op->window.kernel_h * op->window.kernel_w * op->input.channels);
}

/* Whether pixels have to be put together byte by byte: columns of the kernel are no whole words. */
static inline bool dqa_block_packs(const struct dqa_op *op) {
  return op->input.channels % 4u != 0 && op->window.kernel_h * op->window.kernel_w > 1;
}

/* Bytes for the windows of a block: 16 bits for each value, and the bytes of one pixel where they are put together. */
static inline uint32_t dqa_block_bytes(const struct dqa_op *op) {
  const uint32_t values = dqa_block_values(op);
  return op->block == 0 ? 0 : 2u * op->block * values + (dqa_block_packs(op) ? values : 0);
}

#ifdef DQA_BLOCKS

/* The windows of output pixels x .. x + n - 1, n = op->block: for each four values of a window words of values 0 and 2,
 * one for each pixel, then of values 1 and 3. */
void dqa_block_gather(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x, uint32_t *room);

/* Writes an output row; the weights of an output channel after those of the other. */
void dqa_block_row(const struct dqa_op *op, uint32_t y, const int8_t *weights, int8_t *out);

#endif
#endif
