/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: rows of CONV_2D in blocks of 4 pixels that share the columns under a kernel of 3: 19 instructions for 24
 * products. */
#include "block_row.h"

#ifdef DQA_BLOCKS

/* 29 instructions for a word of each column. */
static uint32_t *copy(uint32_t *to, const int8_t *from, uint32_t step, uint32_t words) {
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

static void gather(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x, uint32_t *room) {
  const uint32_t channels = op->input.channels, words = channels / 4u, row = 2 * DQA_SHARED_COLUMNS * words;
  const int32_t first = taps->left + (int32_t)x;
  for (uint32_t k = 0; k < op->window.kernel_h; ++k, room += row) {
    const bool there = k - taps->first < taps->count;
    const int8_t *const values = there ? taps->rows[k - taps->first] : NULL;
    if (there && first >= 0 && first + DQA_SHARED_COLUMNS <= taps->width) {
      (void)copy(room, values + first * (int32_t)channels, channels, words);
      continue;
    }
    for (int32_t i = 0; i < DQA_SHARED_COLUMNS; ++i) {
      const bool inside = there && first + i >= 0 && first + i < taps->width;
      (void)dqa_block_spread(DQA_SHARED_COLUMNS, room + i, inside ? values + (first + i) * (int32_t)channels : NULL,
                             words);
    }
  }
}

/* clang-format off */
/* Four pixels that share six columns, r6 to r11: words of weights r12 of the three columns of the kernel, lr apart. */
#define COLUMN(MORE, a, b, c, d)                                                                                       \
  LINE("sxtb16 r12, r12" MORE) ADD("r2", a, "r12") ADD("r3", b, "r12") ADD("r4", c, "r12") ADD("r5", d, "r12")
#define COLUMN_0(MORE) COLUMN(MORE, "r6", "r7", "r8", "r9")
#define COLUMN_1(MORE) COLUMN(MORE, "r7", "r8", "r9", "r10")
#define COLUMN_2(MORE) COLUMN(MORE, "r8", "r9", "r10", "r11")
#define SHARED_WORD                                                                                                    \
  LINE("ldm.w r0!, {r6-r11}")                                                                                          \
  LINE("ldr.w r12, [r1]") COLUMN_0("") LINE("ldr.w r12, [r1, lr]") COLUMN_1("")                                        \
  LINE("ldr.w r12, [r1, lr, lsl #1]") COLUMN_2("")                                                                     \
  LINE("ldm.w r0!, {r6-r11}")                                                                                          \
  LINE("ldr.w r12, [r1, lr, lsl #1]") COLUMN_2(", ror #8") LINE("ldr.w r12, [r1, lr]") COLUMN_1(", ror #8")            \
  LINE("ldr.w r12, [r1], #4") COLUMN_0(", ror #8")
#define SHARED_WORDS                                                                                                   \
  LINE("ldr lr, %[inputs]") LINE("ldr r12, %[row_bytes]") LINE("add r12, r12, r0")                                       \
  LINE("6:") LINE("str r12, %[row_end]") LINE("ldr pc, %[entry]") LINE("2:")                                             \
  SHARED_WORD SHARED_WORD SHARED_WORD SHARED_WORD /* SHARED_UNROLLED */                                                \
  LINE("ldr r12, %[row_end]") LINE("cmp r0, r12") LINE("bne.w 2b")                                                     \
  LINE("add r1, r1, lr, lsl #1")                                                                                       \
  LINE("ldr r6, %[pairs_end]") LINE("cmp r0, r6") LINE("beq.w 3f")                                                     \
  LINE("ldr r6, %[row_bytes]") LINE("add r12, r12, r6") LINE("b.w 6b") LINE("3:")
BLOCK_OF(write, 4, SHARED_WORDS)
/* clang-format on */
enum { SHARED_UNROLLED = 4, SHARED_WORD_BYTES = 38 * 4 };

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  const uint32_t words = op->input.channels / 4u, row_bytes = 8 * DQA_SHARED_COLUMNS * words;
  struct dqa_block block;
  (void)acc;
  dqa_block_begin(op, words, SHARED_UNROLLED, SHARED_WORD_BYTES, row_bytes, &block);
  block.pairs_end = block.pairs + row_bytes / 4u * op->window.kernel_h;
  dqa_block_row(op, y, &block, out, gather, write);
}

const struct dqa_operator dqa_part_conv_shared = {.row = row};

#else
const struct dqa_operator dqa_part_conv_shared = {.row = NULL};
#endif
