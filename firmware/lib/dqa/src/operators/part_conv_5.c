/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: rows of CONV_2D in blocks of 5 pixels, each of which has its window: 15 instructions for 20 products. */
#include "block_row.h"

#ifdef DQA_BLOCKS

/* 22 instructions for a word of each pixel. */
static uint32_t *copy(uint32_t *to, const int8_t *from, uint32_t step, uint32_t words) {
  const int8_t *const end = from + 4 * words;
  __asm__ volatile(GATHER_BEGIN "1:\n\t"
                                "ldr r5, [r1, r2]\n\t"
                                "ldr r6, [r1, r2, lsl #1]\n\t"
                                "ldr r7, [r1, r3]\n\t"
                                "ldr r8, [r1, r2, lsl #2]\n\t"
                                "ldr r4, [r1], #4\n\t"
                                "sxtb16 r9, r4, ror #8\n\t"
                                "sxtb16 r10, r5, ror #8\n\t"
                                "sxtb16 r11, r6, ror #8\n\t"
                                "sxtb16 r12, r7, ror #8\n\t"
                                "sxtb16 lr, r8, ror #8\n\t"
                                "sxtb16 r4, r4\n\t"
                                "sxtb16 r5, r5\n\t"
                                "sxtb16 r6, r6\n\t"
                                "sxtb16 r7, r7\n\t"
                                "sxtb16 r8, r8\n\t"
                                "stm r0!, {r4-r12, lr}\n\t" GATHER_END
                   : [to] "+m"(to)
                   : [from] "m"(from), [step] "m"(step), [end] "m"(end)
                   : GATHER_CLOBBERS);
  return to;
}

/* clang-format off */
#define PAIRS_5(w)                                                                                                     \
  LINE("ldm.w r0!, {r7-r11}")                                                                                          \
  ADD("r2", "r7", w) ADD("r3", "r8", w) ADD("r4", "r9", w) ADD("r5", "r10", w) ADD("r6", "r11", w)
BLOCK_OF(write, 5, WHOLE_WORDS(PAIRS_5) REST(PAIRS_5))
/* clang-format on */
enum { WORD_BYTES = 15 * 4 };

static void gather(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x, uint32_t *room) {
  dqa_block_gather(op, taps, x, room, copy);
}

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  (void)acc;
  dqa_window_row(op, y, WORD_BYTES, out, gather, write);
}

const struct dqa_operator dqa_part_conv_5 = {.row = row};

#else
const struct dqa_operator dqa_part_conv_5 = {.row = NULL};
#endif
