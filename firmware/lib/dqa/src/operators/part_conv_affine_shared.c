/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: rows of CONV_2D in blocks of 4 pixels that share the columns under a kernel of 3, affine codes, those of the
 * three columns in turn: 76 instructions for 96 products. */
#include "block_affine.h"

#ifdef DQA_BLOCKS

/* clang-format off */
/* Four pixels that share six columns, r6 to r11: words of codes r12 of the three columns of the kernel, a mask lr. */
#define COLUMN(a, b, c, d) ADD("r2", a, "r12") ADD("r3", b, "r12") ADD("r4", c, "r12") ADD("r5", d, "r12")
#define SHARED_PAIRS(END, TURN)                                                                                        \
  LINE("ldm.w r0!, {r6-r11}")                                                                                          \
  LINE("ldr.w r12, [r1, #8]") LINE("and.w r12, lr, r12" TURN) COLUMN("r8", "r9", "r10", "r11")                         \
  LINE("ldr.w r12, [r1, #4]") LINE("and.w r12, lr, r12" TURN) COLUMN("r7", "r8", "r9", "r10")                          \
  LINE("ldr.w r12, [r1]" END) LINE("and.w r12, lr, r12" TURN) COLUMN("r6", "r7", "r8", "r9")
#define SHARED_WORDS SHARED_PAIRS("", "") SHARED_PAIRS("", ", ror #4") SHARED_PAIRS("", ", ror #8") SHARED_PAIRS(", #12", ", ror #12")
#define ALL_SHARED                                                                                                     \
  LINE("ldr pc, %[entry]") LINE("2:") SHARED_WORDS SHARED_WORDS /* SHARED_UNROLLED */                                  \
  LINE("ldr r12, %[pairs_end]") LINE("cmp r0, r12") LINE("bne.w 2b")
BLOCK_WITH(products, 4, BEGIN_4 LINE("mov.w lr, " MASK), ALL_SHARED)
#define THREE(a, b, c) LINE("ldm %[pairs]!, {r4-r6}") TOTAL(a, "r4") TOTAL(b, "r5") TOTAL(c, "r6")
/* clang-format on */
enum { SHARED_UNROLLED = 2, SHARED_WORD_BYTES = 76 * 4 };

static DQA_NOINLINE void sum_values(const struct dqa_block *block) {
  const uint32_t *pairs = block->pairs;
  int32_t t[DQA_SHARED_COLUMNS] = {0};
  __asm__ volatile(TOTALS_OF(THREE("t0", "t1", "t2") THREE("t3", "t4", "t5"))
                   : [pairs] "+r"(pairs), [t0] "+r"(t[0]), [t1] "+r"(t[1]), [t2] "+r"(t[2]), [t3] "+r"(t[3]),
                     [t4] "+r"(t[4]), [t5] "+r"(t[5])
                   : [end] "r"(block->pairs_end), [ones] "r"(0x00010001u)
                   : "r4", "r5", "r6", "cc", "memory");
  for (uint32_t i = 0; i < DQA_SHARING; ++i) {
    block->totals[i] = t[i] + t[i + 1] + t[i + 2];
  }
}

static void write(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x, const struct dqa_block *block) {
  dqa_gather_shared(op, taps, x, block->pairs);
  sum_values(block);
  products(block);
}

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  const uint32_t words = (uint32_t)op->window.kernel_h * op->input.channels / DQA_AFFINE_INPUTS; /* of each column */
  int32_t totals[DQA_SHARING];
  struct dqa_block block;
  (void)acc;
  dqa_block_begin(op, words, SHARED_UNROLLED, SHARED_WORD_BYTES, 2u * DQA_AFFINE_INPUTS * DQA_SHARED_COLUMNS * words,
                  write, &block);
  block.least = dqa_affine_least(op);
  block.totals = totals;
  dqa_block_row(op, y, &block, out);
}

const struct dqa_operator dqa_part_conv_affine_shared = {.row = row};

#else
const struct dqa_operator dqa_part_conv_affine_shared = {.row = NULL};
#endif
