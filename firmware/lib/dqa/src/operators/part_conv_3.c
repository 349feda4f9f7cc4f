/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: rows of CONV_2D in blocks of 3 pixels, each of which has its window: 11 instructions for 12 products. */
#include "block_row.h"

#ifdef DQA_BLOCKS

/* clang-format off */
#define PAIRS_3(w) LINE("ldm.w r0!, {r7-r9}") ADD("r2", "r7", w) ADD("r3", "r8", w) ADD("r4", "r9", w)
BLOCK_OF(products, 3, WHOLE_WORDS(PAIRS_3) REST(PAIRS_3))
/* clang-format on */
enum { WORD_BYTES = 11 * 4 };

static void write(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x, const struct dqa_block *block) {
  dqa_gather_3(op, taps, x, block->pairs);
  products(block);
}

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  (void)acc;
  dqa_window_row(op, y, WORD_BYTES, write, out);
}

const struct dqa_operator dqa_part_conv_3 = {.row = row};

#else
const struct dqa_operator dqa_part_conv_3 = {.row = NULL};
#endif
