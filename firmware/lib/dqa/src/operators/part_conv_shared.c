/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: rows of CONV_2D in blocks of 4 pixels that share the columns under a kernel of 3: 19 instructions for 24
 * products. */
#include "block_row.h"

#ifdef DQA_BLOCKS

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
BLOCK_OF(products, 4, SHARED_WORDS)
/* clang-format on */
enum { SHARED_UNROLLED = 4, SHARED_WORD_BYTES = 38 * 4 };

static void write(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x, const struct dqa_block *block) {
  dqa_gather_shared(op, taps, x, block->pairs);
  products(block);
}

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  const uint32_t words = op->input.channels / 4u, row_bytes = 8 * DQA_SHARED_COLUMNS * words;
  struct dqa_block block;
  (void)acc;
  dqa_block_begin(op, words, SHARED_UNROLLED, SHARED_WORD_BYTES, row_bytes, write, &block);
  block.pairs_end = block.pairs + row_bytes / 4u * op->window.kernel_h;
  dqa_block_row(op, y, &block, out);
}

const struct dqa_operator dqa_part_conv_shared = {.row = row};

#else
const struct dqa_operator dqa_part_conv_shared = {.row = NULL};
#endif
