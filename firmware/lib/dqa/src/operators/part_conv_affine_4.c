/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: rows of CONV_2D in blocks of 4 pixels, each of which has its window, affine codes: 25 instructions for 32
 * products. */
#include "block_affine.h"

#ifdef DQA_BLOCKS

/* clang-format off */
#define PAIRS_4(w) LINE("ldm.w r0!, {r7-r10}") ADD("r2", "r7", w) ADD("r3", "r8", w) ADD("r4", "r9", w) ADD("r5", "r10", w)
BLOCK_WITH(products, 4, BEGIN_4 LINE("mov.w r11, " MASK), CODE_WORDS(CODE_WORD, PAIRS_4))
/* clang-format on */
enum { WORD_BYTES = 25 * 4 };

static DQA_NOINLINE void sum_values(const struct dqa_block *block) {
  const uint32_t *pairs = block->pairs;
  int32_t *const t = block->totals;
  t[0] = t[1] = t[2] = t[3] = 0;
  __asm__ volatile(
      TOTALS_OF(LINE("ldm %[pairs]!, {r4-r7}") TOTAL("t0", "r4") TOTAL("t1", "r5") TOTAL("t2", "r6") TOTAL("t3", "r7"))
      : [pairs] "+r"(pairs), [t0] "+r"(t[0]), [t1] "+r"(t[1]), [t2] "+r"(t[2]), [t3] "+r"(t[3])
      : [end] "r"(block->pairs_end), [ones] "r"(0x00010001u)
      : "r4", "r5", "r6", "r7", "cc", "memory");
}

static void write(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x, const struct dqa_block *block) {
  dqa_gather_4(op, taps, x, block->pairs);
  sum_values(block);
  products(block);
}

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  (void)acc;
  dqa_affine_row(op, y, WORD_BYTES, write, out);
}

const struct dqa_operator dqa_part_conv_affine_4 = {.row = row};

#else
const struct dqa_operator dqa_part_conv_affine_4 = {.row = NULL};
#endif
