/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: the windows of a block of output pixels, as pairs of 16 bits.
 *
 * For each four values of a window, a row of it after the other, there are words of values 0 and 2 of each pixel, then
 * of values 1 and 3; where pixels share them, of each column. */
#ifndef DQA_BLOCK_GATHER_H
#define DQA_BLOCK_GATHER_H

#include "blocks.h"

#ifdef DQA_BLOCKS

/* What is copied of a kernel row at an output column: `columns` of the kernel, each or all `run` values. */
struct dqa_piece {
  struct dqa_range columns;
  const int8_t *row; /* NULL: outside of the input */
  int32_t at;        /* of the first column of the kernel, negative where it lies beside the row */
};
struct dqa_piece dqa_block_piece(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t k, uint32_t x);

/* Words of one pixel; without `from` zeros. n: pixels of the block. */
uint32_t *dqa_block_spread(uint32_t n, uint32_t *to, const int8_t *from, uint32_t words);
/* The last `rest` < 4 of `count` >= 4 values of one pixel, then zeros. */
void dqa_block_spread_rest(uint32_t n, uint32_t *to, const int8_t *from, uint32_t count, uint32_t rest);

/* All pixels, which lie inside the rows, one after the other: rows of a window end with a part of a word. */
void dqa_block_pack(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x, int8_t *bytes, uint32_t *to);
/* Pixels some of whose windows lie partly beside the rows, or have gaps between their columns. */
void dqa_block_gather_apart(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x, uint32_t *room);

/* Words of the same run of all pixels, `step` bytes from one to the next; gives what is behind them. */
typedef uint32_t *(*dqa_block_copy)(uint32_t *to, const int8_t *from, uint32_t step, uint32_t words);

typedef void (*dqa_gather_block)(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x, uint32_t *to);

/* clang-format off */
/* How the asm of those begins and ends. */
#define GATHER_BEGIN "ldr r0, %[to]\n\tldr r1, %[from]\n\tldr r2, %[step]\n\tadd r3, r2, r2, lsl #1\n\t"
#define GATHER_END "ldr r4, %[end]\n\tcmp r1, r4\n\tbne 1b\n\tstr r0, %[to]"
#define GATHER_CLOBBERS                                                                                                \
  "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory"
/* clang-format on */

/* All pixels at once, which lie inside the rows: rows of a window are whole words, or there is only one. */
static DQA_INLINE void dqa_block_inside(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x, uint32_t *to,
                                        dqa_block_copy copy) {
  const uint32_t n = op->block, run = dqa_block_run(op), words = run / 4u, rest = run % 4u;
  const uint32_t step = (uint32_t)op->window.stride_w * op->input.channels;
  for (uint32_t k = 0; k < op->window.kernel_h; ++k) {
    const struct dqa_piece piece = dqa_block_piece(op, taps, k, x);
    if (piece.row == NULL) {
      memset(to, 0, 2 * n * run);
      to += n * run / 2;
      continue;
    }
    const int8_t *const from = piece.row + piece.at;
    to = words > 0 ? copy(to, from, step, words) : to;
    for (uint32_t i = 0; rest > 0 && i < n; ++i) {
      dqa_block_spread_rest(n, to + i, from + i * step, run, rest);
    }
  }
}

/* What lies under the kernel at output pixels x .. x + op->block - 1, each with a window of its own; inside: those that
 * dqa_block_inside copies. */
static DQA_INLINE void dqa_block_gather(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x,
                                        uint32_t *room, dqa_gather_block inside) {
  const uint32_t n = op->block;
  if (op->window.dilation_w > 1 || x < taps->whole.first || x + n > taps->whole.end) {
    dqa_block_gather_apart(op, taps, x, room);
  } else if (dqa_block_run(op) % 4u == 0 || op->window.kernel_h == 1) {
    inside(op, taps, x, room);
  } else {
    dqa_block_pack(op, taps, x, (int8_t *)room + 2 * n * dqa_block_padded(op), room);
  }
}

#endif
#endif
