/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: rows of CONV_2D in blocks of 5 pixels, each of which has its window: 15 instructions for 20 products. */
#include "block_row.h"

#ifdef DQA_BLOCKS

/* clang-format off */
#define PAIRS_5(w)                                                                                                     \
  LINE("ldm.w r0!, {r7-r11}")                                                                                          \
  ADD("r2", "r7", w) ADD("r3", "r8", w) ADD("r4", "r9", w) ADD("r5", "r10", w) ADD("r6", "r11", w)
BLOCK_OF(products, 5, WHOLE_WORDS(PAIRS_5) REST(PAIRS_5))
/* clang-format on */
enum { WORD_BYTES = 15 * 4 };

static void write(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x, const struct dqa_block *block) {
  dqa_gather_5(op, taps, x, block->pairs);
  products(block);
}

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  (void)acc;
  dqa_window_row(op, y, WORD_BYTES, write, out);
}

const struct dqa_operator dqa_part_conv_5 = {.row = row};

#else
const struct dqa_operator dqa_part_conv_5 = {.row = NULL};
#endif
