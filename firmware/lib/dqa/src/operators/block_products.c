/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: all output channels of a block of pixels: sums of products in registers, requantized, stored.
 *
 * The asm of a function takes all registers but the stack pointer and finds its operands on the stack. r0 points to
 * pairs, r1 to weights; the sums are in r2 and what follows, behind them the pairs that meet a weight, weights in r12
 * and lr. After a channel's products the registers of the pairs serve its requantization. */
#include "blocks.h"
#include "requantize.h"

#ifdef DQA_BLOCKS

enum { UNROLLED = 8, UNSIGNED = 256 };

/* What the channels of a block share. */
struct block {
  const uint32_t *pairs, *pairs_end; /* of whole words of weights */
  uint32_t row_bytes, row_end;       /* of shared columns, those of a row of the kernel; where they end */
  const int8_t *weights;
  const uint8_t *bias, *multiplier, *shift; /* an entry per channel */
  int8_t *out;                              /* channel 0 of the first pixel */
  uint32_t channel, channels;
  uint32_t entry;           /* bytes of the unrolled loop that the first turn leaves out; then where that begins */
  uint32_t rest, rest_bits; /* weights behind whole words; the bits of a word that hold none */
  uint32_t inputs;          /* channels of the input */
  int32_t zero_point;       /* of the output; UNSIGNED: 0, and values are clamped to 0..127 */
};

/* clang-format off */
/* A line of asm; the same of the sums of 3, 4, 5 pixels. */
#define LINE(text) text "\n\t"
#define SUMS_3(OF) OF("r2") OF("r3") OF("r4")
#define SUMS_4(OF) SUMS_3(OF) OF("r5")
#define SUMS_5(OF) SUMS_4(OF) OF("r6")
#define ALSO(sum) LINE("mov " sum ", r2")
#define SCALE(sum) LINE("smmla " sum ", " sum ", r8, r10")
#define SHIFT(sum) LINE("asr.w " sum ", " sum ", r9")
#define MOVE(sum) LINE("add.w " sum ", " sum ", r11")
#define CLAMP_SIGNED(sum) LINE("ssat " sum ", #8, " sum)
#define CLAMP_UNSIGNED(sum) LINE("usat " sum ", #7, " sum)

/* A word of weights: values 0 and 2 in lr, 1 and 3 in r12. All instructions have 4 bytes. */
#define SPLIT LINE("sxtb16 lr, r12") LINE("sxtb16 r12, r12, ror #8")
#define ADD(sum, pair, weights) LINE("smlad " sum ", " pair ", " weights ", " sum)
#define PAIRS_3(w) LINE("ldm.w r0!, {r7-r9}") ADD("r2", "r7", w) ADD("r3", "r8", w) ADD("r4", "r9", w)
#define PAIRS_4(w)                                                                                                     \
  LINE("ldm.w r0!, {r7-r10}") ADD("r2", "r7", w) ADD("r3", "r8", w) ADD("r4", "r9", w) ADD("r5", "r10", w)
#define PAIRS_5(w)                                                                                                     \
  LINE("ldm.w r0!, {r7-r11}")                                                                                          \
  ADD("r2", "r7", w) ADD("r3", "r8", w) ADD("r4", "r9", w) ADD("r5", "r10", w) ADD("r6", "r11", w)
#define WORD(PAIRS) LINE("ldr.w r12, [r1], #4") SPLIT PAIRS("lr") PAIRS("r12")
#define TWO_WORDS(PAIRS) WORD(PAIRS) WORD(PAIRS)
#define ALL_WORDS(PAIRS) TWO_WORDS(PAIRS) TWO_WORDS(PAIRS) TWO_WORDS(PAIRS) TWO_WORDS(PAIRS) /* UNROLLED */
enum { WORD_BYTES_3 = 11 * 4, WORD_BYTES_4 = 13 * 4, WORD_BYTES_5 = 15 * 4 };

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
enum { SHARED_UNROLLED = 4, SHARED_WORD_BYTES = 38 * 4 };
/* r8 multiplier, r9 shift, r10 half of a step before the shift, r11 zero point. */
#define REQUANTIZE(SUMS)                                                                                               \
  LINE("ldr r7, %[channel]")                                                                                           \
  LINE("ldr r8, %[multiplier]")                                                                                        \
  LINE("ldr r9, %[shift]")                                                                                             \
  LINE("ldr.w r8, [r8, r7, lsl #2]")                                                                                   \
  LINE("ldrb.w r9, [r9, r7]")                                                                                          \
  LINE("mov r10, #1") LINE("lsl r10, r10, r9") LINE("lsr r10, r10, #1") LINE("ldr r11, %[zero_point]") SUMS(SCALE)     \
      SUMS(SHIFT) LINE("cmp r11, #256") LINE("beq.w 4f") SUMS(MOVE) SUMS(CLAMP_SIGNED) LINE("b.w 5f") LINE("4:")       \
          SUMS(CLAMP_UNSIGNED) LINE("5:")
#define STORE_3                                                                                                        \
  LINE("ldr r8, %[out]")                                                                                               \
  LINE("ldr r9, %[channels]")                                                                                          \
  LINE("add r8, r8, r7") LINE("strb.w r2, [r8]") LINE("strb.w r3, [r8, r9]") LINE("strb.w r4, [r8, r9, lsl #1]")
#define STORE_4 STORE_3 LINE("add r10, r9, r9, lsl #1") LINE("strb.w r5, [r8, r10]")
#define STORE_5 STORE_4 LINE("strb.w r6, [r8, r9, lsl #2]")
#define END_CHANNEL LINE("add r7, r7, #1") LINE("str r7, %[channel]") LINE("cmp r7, r9") LINE("bne.w 1b")

#define BLOCK_OF(name, n, PRODUCTS)                                                                                    \
  static DQA_NOINLINE void name(const struct block *given) {                                                           \
    struct block b = *given; /* on the stack */                                                                        \
    __asm__ volatile(FIND_ENTRY BEGIN_CHANNEL COPY_##n PRODUCTS REQUANTIZE(SUMS_##n) STORE_##n END_CHANNEL             \
                     : [channel] "+m"(b.channel), [entry] "+m"(b.entry), [row_end] "+m"(b.row_end)                     \
                     : [pairs] "m"(b.pairs), [pairs_end] "m"(b.pairs_end), [weights] "m"(b.weights),                   \
                       [row_bytes] "m"(b.row_bytes), [inputs] "m"(b.inputs),             \
                       [bias] "m"(b.bias), [multiplier] "m"(b.multiplier), [shift] "m"(b.shift), [out] "m"(b.out),     \
                       [channels] "m"(b.channels), [rest] "m"(b.rest), [rest_bits] "m"(b.rest_bits),                   \
                       [zero_point] "m"(b.zero_point)                                                                  \
                     : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc",    \
                       "memory");                                                                                      \
  }
#define COPY_3 ALSO("r3") ALSO("r4")
#define COPY_4 COPY_3 ALSO("r5")
#define COPY_5 COPY_4 ALSO("r6")
/* clang-format on */

BLOCK_OF(block_of_3, 3, WHOLE_WORDS(PAIRS_3) REST(PAIRS_3))
BLOCK_OF(block_of_4, 4, WHOLE_WORDS(PAIRS_4) REST(PAIRS_4))
BLOCK_OF(block_of_5, 5, WHOLE_WORDS(PAIRS_5) REST(PAIRS_5))
BLOCK_OF(sharing_block, 4, SHARED_WORDS)

/* The bytes of an unrolled loop that its first turn leaves out. */
static uint32_t left_out(uint32_t words, uint32_t unrolled, uint32_t word_bytes) {
  return (unrolled - words % unrolled) % unrolled * word_bytes;
}

void dqa_block_row(const struct dqa_op *op, uint32_t y, const int8_t *weights, int8_t *out) {
  static const uint8_t word_bytes[] = {WORD_BYTES_3, WORD_BYTES_4, WORD_BYTES_5};
  const struct dqa_edge *const output = &op->output;
  const bool sharing = dqa_block_shares(op);
  const bool positive = output->low == 0 && output->high == INT8_MAX && output->zero_point == 0;
  const uint32_t n = op->block, channels = output->channels, width = output->width;
  const uint32_t values = sharing ? op->input.channels : dqa_block_values(op), words = values / 4u;
  const uint32_t row_bytes = 8 * (sharing ? DQA_SHARED_COLUMNS : n) * words;
  uint32_t *const room = (uint32_t *)(void *)dqa_room_of(op);
  struct block block = {
      .pairs = room,
      .pairs_end = room + row_bytes / 4u * (sharing ? op->window.kernel_h : 1u),
      .row_bytes = row_bytes,
      .weights = weights,
      .bias = op->bias,
      .multiplier = op->multiplier,
      .shift = op->shift,
      .channels = channels,
      .entry = sharing ? left_out(words, SHARED_UNROLLED, SHARED_WORD_BYTES)
                       : left_out(words, UNROLLED, word_bytes[n - DQA_MIN_BLOCK]),
      .rest = values % 4u,
      .rest_bits = 32u - 8u * (values % 4u),
      .inputs = op->input.channels,
      .zero_point = positive ? UNSIGNED : output->zero_point,
  };
  struct dqa_taps taps;
  dqa_taps_of(op, y, &taps);
  for (uint32_t done = 0; done < width; done += n) {
    const uint32_t x = done + n > width ? width - n : done; /* the last block computes some again */
    block.out = out + x * channels;
    if (sharing) {
      dqa_block_gather_shared(op, &taps, x, room);
      sharing_block(&block);
      continue;
    }
    dqa_block_gather(op, &taps, x, room);
    switch (n) {
    case 3:
      block_of_3(&block);
      break;
    case 4:
      block_of_4(&block);
      break;
    default:
      block_of_5(&block);
    }
  }
  dqa_clamp_block(output, out, width * channels);
}

#endif
