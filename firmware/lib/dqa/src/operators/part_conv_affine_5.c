/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: rows of CONV_2D in blocks of 5 pixels, each of which has its window, affine codes: 32 instructions for 40
 * products. */
#include "block_affine.h"

#ifdef DQA_BLOCKS

/* clang-format off */
#define PAIRS_5(w) LINE("ldm.w r0!, {r7-r11}") ADD("r2", "r7", w) ADD("r3", "r8", w) ADD("r4", "r9", w) ADD("r5", "r10", w) ADD("r6", "r11", w)
#define TURNED(PAIRS) LINE("ror.w r12, r12, #4") LINE("and.w lr, r12, " MASK) PAIRS("lr")
#define TURNED_WORD(PAIRS)                                                                                             \
  LINE("ldr.w r12, [r1], #4") LINE("and.w lr, r12, " MASK) PAIRS("lr") TURNED(PAIRS) TURNED(PAIRS) TURNED(PAIRS)
BLOCK_WITH(products, 5, BEGIN_5, CODE_WORDS(TURNED_WORD, PAIRS_5))
/* clang-format on */
enum { WORD_BYTES = 32 * 4 };

static DQA_NOINLINE void sum_values(const struct dqa_block *block) {
  const uint32_t *pairs = block->pairs;
  int32_t *const t = block->totals;
  t[0] = t[1] = t[2] = t[3] = t[4] = 0;
  __asm__ volatile(
      TOTALS_OF(LINE("ldm %[pairs]!, {r4-r8}") TOTAL("t0", "r4") TOTAL("t1", "r5") TOTAL("t2", "r6") TOTAL("t3", "r7")
                    TOTAL("t4", "r8"))
      : [pairs] "+r"(pairs), [t0] "+r"(t[0]), [t1] "+r"(t[1]), [t2] "+r"(t[2]), [t3] "+r"(t[3]), [t4] "+r"(t[4])
      : [end] "r"(block->pairs_end), [ones] "r"(0x00010001u)
      : "r4", "r5", "r6", "r7", "r8", "cc", "memory");
}

static void write(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x, const struct dqa_block *block) {
  dqa_gather_5(op, taps, x, block->pairs);
  sum_values(block);
  products(block);
}

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  (void)acc;
  dqa_affine_row(op, y, WORD_BYTES, write, out);
}

const struct dqa_operator dqa_part_conv_affine_5 = {.row = row};

#else
const struct dqa_operator dqa_part_conv_affine_5 = {.row = NULL};
#endif
