/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: rows of CONV_2D in blocks of 4 pixels, each of which has its window: 13 instructions for 16 products. */
#include "block_row.h"

#ifdef DQA_BLOCKS

/* clang-format off */
#define PAIRS_4(w)                                                                                                     \
  LINE("ldm.w r0!, {r7-r10}") ADD("r2", "r7", w) ADD("r3", "r8", w) ADD("r4", "r9", w) ADD("r5", "r10", w)
BLOCK_OF(products, 4, WHOLE_WORDS(PAIRS_4) REST(PAIRS_4))
/* clang-format on */
enum { WORD_BYTES = 13 * 4 };

static void write(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x, const struct dqa_block *block) {
  dqa_gather_4(op, taps, x, block->pairs);
  products(block);
}

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  (void)acc;
  dqa_window_row(op, y, WORD_BYTES, write, out);
}

const struct dqa_operator dqa_part_conv_4 = {.row = row};

#else
const struct dqa_operator dqa_part_conv_4 = {.row = NULL};
#endif
