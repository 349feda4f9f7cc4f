/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: the windows of a block of output pixels, as pairs of 16 bits: those that are gathered pixel by pixel. */
#include "block_gather.h"

#ifdef DQA_BLOCKS

uint32_t *dqa_block_spread(uint32_t n, uint32_t *to, const int8_t *from, uint32_t words) {
  if (from == NULL) {
    for (; words > 0; --words, to += 2 * n) {
      to[0] = to[n] = 0;
    }
    return to;
  }
  for (uint32_t *odd = to + n; words > 0; --words, to += 2 * n, odd += 2 * n) {
    const uint32_t four = dsp_take_4(&from);
    *to = dsp_even(four);
    *odd = dsp_odd(four);
  }
  return to;
}

void dqa_block_spread_rest(uint32_t n, uint32_t *to, const int8_t *from, uint32_t count, uint32_t rest) {
  const uint32_t four = dsp_load_4(from + count - 4) >> (32u - 8u * rest);
  to[0] = dsp_even(four);
  to[n] = dsp_odd(four);
}

struct dqa_piece dqa_block_piece(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t k, uint32_t x) {
  const bool there = k - taps->first < taps->count;
  struct dqa_piece piece = {{0, op->window.kernel_w},
                            there ? taps->rows[k - taps->first] : NULL,
                            (taps->left + (int32_t)(x * op->window.stride_w)) * op->input.channels};
  if (x < taps->whole.first || x >= taps->whole.end) {
    piece.columns = dqa_taps_columns(op, taps, x);
  }
  return piece;
}

/* A pixel whose columns are whole words. */
static void gather_pixel(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x, uint32_t *to) {
  const uint32_t n = op->block, words = op->input.channels / 4u, kernel_w = op->window.kernel_w;
  const uint32_t run = op->window.dilation_w > 1 ? 1 : kernel_w; /* columns without a gap */
  for (uint32_t k = 0; k < op->window.kernel_h; ++k) {
    const struct dqa_piece piece = dqa_block_piece(op, taps, k, x);
    const struct dqa_range in = piece.row != NULL ? piece.columns : (struct dqa_range){0, 0};
    to = dqa_block_spread(n, to, NULL, in.first * words);
    for (uint32_t i = in.first; i < in.end; i += run) {
      const int8_t *const from = piece.row + piece.at + (int32_t)(i * op->window.dilation_w * op->input.channels);
      to = dqa_block_spread(n, to, from, (run == 1 ? 1 : in.end - in.first) * words);
    }
    to = dqa_block_spread(n, to, NULL, (kernel_w - in.end) * words);
  }
}

/* Any other pixel at a border: its bytes are put together first. */
static void pack_pixel(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x, int8_t *bytes, uint32_t *to) {
  const uint32_t channels = op->input.channels, run = dqa_block_run(op), values = dqa_block_padded(op);
  const bool dilated = op->window.dilation_w > 1;
  memset(bytes, 0, values);
  for (uint32_t k = 0; k < op->window.kernel_h; ++k) {
    const struct dqa_piece piece = dqa_block_piece(op, taps, k, x);
    const struct dqa_range in = piece.row != NULL ? piece.columns : (struct dqa_range){0, 0};
    const uint32_t columns = dilated ? 1 : in.end - in.first;
    for (uint32_t i = in.first; i < in.end; i += columns) {
      memcpy(bytes + k * run + i * channels, piece.row + piece.at + (int32_t)(i * op->window.dilation_w * channels),
             columns * channels);
    }
  }
  (void)dqa_block_spread(op->block, to, bytes, values / 4u);
}

/* Copies a run of at least 4 values; the last word overlaps the one before it. */
static inline void copy_run(int8_t *to, const int8_t *from, uint32_t run) {
  int8_t *const last = to + run - 4;
  const uint32_t end = dsp_load_4(from + run - 4);
  for (; to < last; to += 4) {
    const uint32_t four = dsp_take_4(&from);
    memcpy(to, &four, sizeof four);
  }
  memcpy(last, &end, sizeof end);
}

void dqa_block_pack(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x, int8_t *bytes, uint32_t *to) {
  const uint32_t n = op->block, run = dqa_block_run(op), values = dqa_block_padded(op);
  const uint32_t step = (uint32_t)op->window.stride_w * op->input.channels;
  int32_t at = (taps->left + (int32_t)(x * op->window.stride_w)) * op->input.channels;
  int8_t *const first = bytes + taps->first * run;
  memset(bytes, 0, values);
  for (uint32_t i = 0; i < n; ++i, at += (int32_t)step) {
    int8_t *next = first;
    for (uint32_t k = 0; k < taps->count; ++k, next += run) {
      copy_run(next, taps->rows[k] + at, run);
    }
    (void)dqa_block_spread(n, to + i, bytes, values / 4u);
  }
}

void dqa_block_gather_apart(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x, uint32_t *room) {
  int8_t *const bytes = (int8_t *)room + 2 * op->block * dqa_block_padded(op);
  for (uint32_t i = 0; i < op->block; ++i) {
    if (op->input.channels % 4u == 0) {
      gather_pixel(op, taps, x + i, room + i);
    } else {
      pack_pixel(op, taps, x + i, bytes, room + i);
    }
  }
}

#endif
