/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: blocks of pixels whose weights are affine codes (affine.h): for the parts part_conv_affine_*.c.
 *
 * A word holds the codes of eight inputs, turned by 3 bits, so that a mask leaves 8 times those of a pair of them, as
 * SMLAD wants it; turned further it does so for the other pairs. What the least weight adds, times the sum of a pixel's
 * values, is there before the products are. */
#ifndef DQA_BLOCK_AFFINE_H
#define DQA_BLOCK_AFFINE_H

#include "affine.h"
#include "block_row.h"

#ifdef DQA_BLOCKS

enum { DQA_AFFINE_UNROLLED = 4 }; /* words of codes */

/* An output row; values behind the last of a window are 0. word_bytes: of instructions for a word of codes. */
void dqa_affine_row(const struct dqa_op *op, uint32_t y, uint32_t word_bytes, dqa_write_block write, int8_t *out);

/* clang-format off */
/* What the least weight of a channel, r8, adds for each pixel, with its bias, which is in r2. */
#define LEAST(registers) LINE("ldr r8, %[least]") LINE("ldrsb.w r8, [r8, r7]") LINE("ldr r7, %[totals]") LINE("ldm r7, " registers)
#define WEIGH(sum, total) LINE("mla " sum ", r8, " total ", r2")
#define BEGIN_3 LEAST("{r9-r11}") WEIGH("r4", "r11") WEIGH("r3", "r10") WEIGH("r2", "r9")
#define BEGIN_4 LEAST("{r9-r12}") WEIGH("r5", "r12") WEIGH("r4", "r11") WEIGH("r3", "r10") WEIGH("r2", "r9")
#define BEGIN_5                                                                                                        \
  LEAST("{r9-r12, lr}") WEIGH("r6", "lr") WEIGH("r5", "r12") WEIGH("r4", "r11") WEIGH("r3", "r10") WEIGH("r2", "r9")
#define MASK "#0x00780078"

/* A word of codes with a mask in r11. */
#define CODES(PAIRS, TURN) LINE("and.w lr, r11, r12" TURN) PAIRS("lr")
#define CODE_WORD(PAIRS)                                                                                               \
  LINE("ldr.w r12, [r1], #4") CODES(PAIRS, "") CODES(PAIRS, ", ror #4") CODES(PAIRS, ", ror #8") CODES(PAIRS, ", ror #12")
#define CODE_WORDS(WORD, PAIRS)                                                                                        \
  LINE("ldr pc, %[entry]") LINE("2:") WORD(PAIRS) WORD(PAIRS) WORD(PAIRS) WORD(PAIRS) /* DQA_AFFINE_UNROLLED */        \
  LINE("ldr r12, %[pairs_end]") LINE("cmp r0, r12") LINE("bne.w 2b")

/* The sums of the values of n pixels, of whose pairs there is an even number. */
#define TOTAL(total, pair) LINE("smlad %[" total "], " pair ", %[ones], %[" total "]")
#define TOTALS_OF(TURN) LINE("1:") TURN TURN LINE("cmp %[pairs], %[end]") LINE("bne 1b")
/* clang-format on */

#endif
#endif
