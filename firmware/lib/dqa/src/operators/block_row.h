/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: all output channels of a block of pixels: sums of products in registers, requantized, stored.
 *
 * For the parts that write rows with blocks, part_conv_*.c. The asm of a function takes all registers but the stack
 * pointer and finds its operands on the stack. r0 points to pairs, r1 to weights; the sums are in r2 and what follows,
 * behind them the pairs that meet a weight, weights in r12 and lr. After a channel's products the registers of the
 * pairs serve its requantization. */
#ifndef DQA_BLOCK_ROW_H
#define DQA_BLOCK_ROW_H

#include "block_copy.h"
#include "requantize.h"

#ifdef DQA_BLOCKS

enum { DQA_UNROLLED = 8 }; /* words of weights */

/* Gathers and writes the block of a row that begins at pixel x. */
struct dqa_block;
typedef void (*dqa_write_block)(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x,
                                const struct dqa_block *block);

/* What the channels of a block share. */
struct dqa_block {
  dqa_write_block write;
  uint32_t *pairs, *pairs_end; /* of whole words of weights */
  uint32_t row_bytes, row_end; /* of shared columns, those of a row of the kernel; where they end */
  const int8_t *weights;
  const int8_t *least; /* of affine weights; and the sum of the values of each pixel */
  int32_t *totals;
  const uint8_t *bias, *multiplier, *shift; /* an entry per channel */
  int8_t *out;                              /* channel 0 of the first pixel */
  uint32_t channel, channels;
  uint32_t entry;           /* bytes of the unrolled loop that the first turn leaves out; then where that begins */
  uint32_t rest, rest_bits; /* weights behind whole words; the bits of a word that hold none */
  uint32_t inputs;          /* channels of the input */
  int32_t twice;            /* the output's zero point, and 1 */
  uint32_t positive;        /* values are clamped to 0..127, else to -128..127 */
};

/* A block of the row at the weights of channel 0. words, unrolled, word_bytes: of weights between the ends of a loop,
 * of them in a turn, of the instructions of each; row_bytes: of pairs that meet them. */
void dqa_block_begin(const struct dqa_op *op, uint32_t words, uint32_t unrolled, uint32_t word_bytes,
                     uint32_t row_bytes, dqa_write_block write, struct dqa_block *block);

/* Writes an output row, block by block. */
void dqa_block_row(const struct dqa_op *op, uint32_t y, struct dqa_block *block, int8_t *out);

/* The same of pixels that each have their window, a pair of values after another. word_bytes: of instructions for a
 * word of weights. */
void dqa_window_row(const struct dqa_op *op, uint32_t y, uint32_t word_bytes, dqa_write_block write, int8_t *out);

/* clang-format off */
/* A line of asm; the same of the sums of 3, 4, 5 pixels. */
#define LINE(text) text "\n\t"
#define SUMS_3(OF) OF("r2") OF("r3") OF("r4")
#define SUMS_4(OF) SUMS_3(OF) OF("r5")
#define SUMS_5(OF) SUMS_4(OF) OF("r6")
#define ALSO(sum) LINE("mov " sum ", r2")
#define SCALE(sum) LINE("smmla " sum ", " sum ", r8, r10")
#define SHIFT(sum) LINE("asr.w " sum ", " sum ", r9")
#define CLAMP_SIGNED(sum) LINE("ssat " sum ", #8, " sum)
#define CLAMP_UNSIGNED(sum) LINE("usat " sum ", #7, " sum)

/* A word of weights: values 0 and 2 in lr, 1 and 3 in r12. All instructions have 4 bytes. */
#define SPLIT LINE("sxtb16 lr, r12") LINE("sxtb16 r12, r12, ror #8")
#define ADD(sum, pair, weights) LINE("smlad " sum ", " pair ", " weights ", " sum)
#define WORD(PAIRS) LINE("ldr.w r12, [r1], #4") SPLIT PAIRS("lr") PAIRS("r12")
#define TWO_WORDS(PAIRS) WORD(PAIRS) WORD(PAIRS)
#define ALL_WORDS(PAIRS) TWO_WORDS(PAIRS) TWO_WORDS(PAIRS) TWO_WORDS(PAIRS) TWO_WORDS(PAIRS) /* DQA_UNROLLED */

/* Where the first turn of the loop begins: 2 and the bytes it leaves out. */
#define FIND_ENTRY                                                                                                     \
  LINE("ldr r1, %[weights]")                                                                                           \
  LINE("adr.w r7, 2f") LINE("ldr r8, %[entry]") LINE("add r7, r7, r8") LINE("add r7, r7, #1") LINE("str r7, %[entry]")
#define BEGIN_CHANNEL                                                                                                  \
  LINE("1:") LINE("ldr r7, %[channel]") LINE("ldr r8, %[bias]") LINE("ldr.w r2, [r8, r7, lsl #2]")                     \
  LINE("ldr r0, %[pairs]")
#define WHOLE_WORDS(PAIRS)                                                                                             \
  LINE("ldr pc, %[entry]") LINE("2:") ALL_WORDS(PAIRS)                                                                 \
  LINE("ldr r12, %[pairs_end]") LINE("cmp r0, r12") LINE("bne.w 2b")
/* The last weights end a word that begins among the others; those are shifted out. */
#define REST(PAIRS)                                                                                                    \
  LINE("ldr r12, %[rest]") LINE("cmp r12, #0") LINE("beq.w 3f") LINE("add r1, r1, r12") LINE("ldr r12, [r1, #-4]")     \
  LINE("ldr lr, %[rest_bits]") LINE("lsr r12, r12, lr") SPLIT PAIRS("lr") PAIRS("r12") LINE("3:")

/* r8 multiplier, r9 shift, r10 half of a step before the shift s and the zero point z behind it: (2 z + 1) << (s - 1). */
#define REQUANTIZE(SUMS)                                                                                               \
  LINE("ldr r7, %[channel]") LINE("ldr r8, %[multiplier]") LINE("ldr r9, %[shift]")                                    \
  LINE("ldr.w r8, [r8, r7, lsl #2]") LINE("ldrb.w r9, [r9, r7]") LINE("ldr r10, %[twice]") LINE("sub r11, r9, #1")     \
  LINE("lsl r10, r10, r11") LINE("ldr r11, %[positive]") SUMS(SCALE) SUMS(SHIFT) LINE("cmp r11, #0") LINE("bne.w 4f")  \
  SUMS(CLAMP_SIGNED) LINE("b.w 5f") LINE("4:") SUMS(CLAMP_UNSIGNED) LINE("5:")
#define STORE_3                                                                                                        \
  LINE("ldr r8, %[out]")                                                                                               \
  LINE("ldr r9, %[channels]")                                                                                          \
  LINE("add r8, r8, r7") LINE("strb.w r2, [r8]") LINE("strb.w r3, [r8, r9]") LINE("strb.w r4, [r8, r9, lsl #1]")
#define STORE_4 STORE_3 LINE("add r10, r9, r9, lsl #1") LINE("strb.w r5, [r8, r10]")
#define STORE_5 STORE_4 LINE("strb.w r6, [r8, r9, lsl #2]")
#define END_CHANNEL LINE("add r7, r7, #1") LINE("str r7, %[channel]") LINE("cmp r7, r9") LINE("bne.w 1b")

#define BLOCK_OF(name, n, PRODUCTS) BLOCK_WITH(name, n, COPY_##n, PRODUCTS)
#define BLOCK_WITH(name, n, BEGIN, PRODUCTS)                                                                           \
  static DQA_NOINLINE void name(const struct dqa_block *given) {                                                           \
    struct dqa_block b = *given; /* on the stack */                                                                        \
    __asm__ volatile(FIND_ENTRY BEGIN_CHANNEL BEGIN PRODUCTS REQUANTIZE(SUMS_##n) STORE_##n END_CHANNEL             \
                     : [channel] "+m"(b.channel), [entry] "+m"(b.entry), [row_end] "+m"(b.row_end)                     \
                     : [pairs] "m"(b.pairs), [pairs_end] "m"(b.pairs_end), [weights] "m"(b.weights),                   \
                       [row_bytes] "m"(b.row_bytes), [inputs] "m"(b.inputs), [least] "m"(b.least), [totals] "m"(b.totals),             \
                       [bias] "m"(b.bias), [multiplier] "m"(b.multiplier), [shift] "m"(b.shift), [out] "m"(b.out),     \
                       [channels] "m"(b.channels), [rest] "m"(b.rest), [rest_bits] "m"(b.rest_bits),                   \
                       [twice] "m"(b.twice), [positive] "m"(b.positive)                                                                  \
                     : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc",    \
                       "memory");                                                                                      \
  }
#define COPY_3 ALSO("r3") ALSO("r4")
#define COPY_4 COPY_3 ALSO("r5")
#define COPY_5 COPY_4 ALSO("r6")

/* clang-format on */

#endif
#endif
