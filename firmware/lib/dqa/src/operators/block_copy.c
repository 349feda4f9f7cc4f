/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: gathers the windows of 3, 4 or 5 pixels, and the columns that 4 pixels share. */
#include "block_copy.h"

#ifdef DQA_BLOCKS

/* Words of the same run of all pixels, `step` bytes from one to the next. */
static inline uint32_t *copy_3(uint32_t *to, const int8_t *from, uint32_t step, uint32_t words) {
  const int8_t *const end = from + 4 * words;
  while (from != end) {
    const uint32_t a = dsp_load_4(from), b = dsp_load_4(from + step), c = dsp_load_4(from + 2 * step);
    to[0] = dsp_even(a), to[1] = dsp_even(b), to[2] = dsp_even(c);
    to[3] = dsp_odd(a), to[4] = dsp_odd(b), to[5] = dsp_odd(c);
    from += 4, to += 6;
  }
  return to;
}

static DQA_NOINLINE void inside_3(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x, uint32_t *to) {
  dqa_block_inside(op, taps, x, to, copy_3);
}

void dqa_gather_3(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x, uint32_t *room) {
  dqa_block_gather(op, taps, x, room, inside_3);
}

/* 18 instructions for a word of each pixel. */
static inline uint32_t *copy_4(uint32_t *to, const int8_t *from, uint32_t step, uint32_t words) {
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

static DQA_NOINLINE void inside_4(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x, uint32_t *to) {
  dqa_block_inside(op, taps, x, to, copy_4);
}

void dqa_gather_4(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x, uint32_t *room) {
  dqa_block_gather(op, taps, x, room, inside_4);
}

/* 22 instructions for a word of each pixel. */
static inline uint32_t *copy_5(uint32_t *to, const int8_t *from, uint32_t step, uint32_t words) {
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

static DQA_NOINLINE void inside_5(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x, uint32_t *to) {
  dqa_block_inside(op, taps, x, to, copy_5);
}

void dqa_gather_5(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x, uint32_t *room) {
  dqa_block_gather(op, taps, x, room, inside_5);
}

/* 29 instructions for a word of each column. */
static inline uint32_t *copy_shared(uint32_t *to, const int8_t *from, uint32_t step, uint32_t words) {
  const int8_t *const end = from + 4 * words;
  __asm__ volatile(GATHER_BEGIN "add r12, r2, r2, lsl #2\n"
                                "1:\n\t"
                                "ldr r5, [r1, r2]\n\t"
                                "ldr r6, [r1, r2, lsl #1]\n\t"
                                "ldr r7, [r1, r3]\n\t"
                                "ldr r8, [r1, r2, lsl #2]\n\t"
                                "ldr r9, [r1, r12]\n\t"
                                "ldr r4, [r1], #4\n\t"
                                "sxtb16 r10, r4, ror #8\n\t"
                                "sxtb16 r11, r5, ror #8\n\t"
                                "sxtb16 lr, r6, ror #8\n\t"
                                "str r10, [r0, #24]\n\t"
                                "str r11, [r0, #28]\n\t"
                                "str lr, [r0, #32]\n\t"
                                "sxtb16 r10, r7, ror #8\n\t"
                                "sxtb16 r11, r8, ror #8\n\t"
                                "sxtb16 lr, r9, ror #8\n\t"
                                "str r10, [r0, #36]\n\t"
                                "str r11, [r0, #40]\n\t"
                                "str lr, [r0, #44]\n\t"
                                "sxtb16 r4, r4\n\t"
                                "sxtb16 r5, r5\n\t"
                                "sxtb16 r6, r6\n\t"
                                "sxtb16 r7, r7\n\t"
                                "sxtb16 r8, r8\n\t"
                                "sxtb16 r9, r9\n\t"
                                "stm r0!, {r4-r9}\n\t"
                                "add r0, r0, #24\n\t" GATHER_END
                   : [to] "+m"(to)
                   : [from] "m"(from), [step] "m"(step), [end] "m"(end)
                   : GATHER_CLOBBERS);
  return to;
}

void dqa_gather_shared(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x, uint32_t *room) {
  const uint32_t channels = op->input.channels, words = channels / 4u, row = 2 * DQA_SHARED_COLUMNS * words;
  const int32_t first = taps->left + (int32_t)x;
  for (uint32_t k = 0; k < op->window.kernel_h; ++k, room += row) {
    const bool there = k - taps->first < taps->count;
    const int8_t *const values = there ? taps->rows[k - taps->first] : NULL;
    if (there && first >= 0 && first + DQA_SHARED_COLUMNS <= taps->width) {
      (void)copy_shared(room, values + first * (int32_t)channels, channels, words);
      continue;
    }
    for (int32_t i = 0; i < DQA_SHARED_COLUMNS; ++i) {
      const bool inside = there && first + i >= 0 && first + i < taps->width;
      (void)dqa_block_spread(DQA_SHARED_COLUMNS, room + i, inside ? values + (first + i) * (int32_t)channels : NULL,
                             words);
    }
  }
}

#endif
