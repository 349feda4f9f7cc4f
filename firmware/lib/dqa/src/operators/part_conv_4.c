/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: rows of CONV_2D in blocks of 4 pixels, each of which has its window: 13 instructions for 16 products. */
#include "block_row.h"

#ifdef DQA_BLOCKS

/* 18 instructions for a word of each pixel. */
static uint32_t *copy(uint32_t *to, const int8_t *from, uint32_t step, uint32_t words) {
  const int8_t *const end = from + 4 * words;
  __asm__ volatile(GATHER_BEGIN "1:\n\t"
                                "ldr r5, [r1, r2]\n\t"
                                "ldr r6, [r1, r2, lsl #1]\n\t"
                                "ldr r7, [r1, r3]\n\t"
                                "ldr r4, [r1], #4\n\t"
                                "sxtb16 r8, r4, ror #8\n\t"
                                "sxtb16 r9, r5, ror #8\n\t"
                                "sxtb16 r10, r6, ror #8\n\t"
                                "sxtb16 r11, r7, ror #8\n\t"
                                "sxtb16 r4, r4\n\t"
                                "sxtb16 r5, r5\n\t"
                                "sxtb16 r6, r6\n\t"
                                "sxtb16 r7, r7\n\t"
                                "stm r0!, {r4-r11}\n\t" GATHER_END
                   : [to] "+m"(to)
                   : [from] "m"(from), [step] "m"(step), [end] "m"(end)
                   : GATHER_CLOBBERS);
  return to;
}

/* clang-format off */
#define PAIRS_4(w)                                                                                                     \
  LINE("ldm.w r0!, {r7-r10}") ADD("r2", "r7", w) ADD("r3", "r8", w) ADD("r4", "r9", w) ADD("r5", "r10", w)
BLOCK_OF(write, 4, WHOLE_WORDS(PAIRS_4) REST(PAIRS_4))
/* clang-format on */
enum { WORD_BYTES = 13 * 4 };

static void gather(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x, uint32_t *room) {
  dqa_block_gather(op, taps, x, room, copy);
}

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  (void)acc;
  dqa_window_row(op, y, WORD_BYTES, out, gather, write);
}

const struct dqa_operator dqa_part_conv_4 = {.row = row};

#else
const struct dqa_operator dqa_part_conv_4 = {.row = NULL};
#endif
