/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: depthwise convolutions of 3 x 3 on the DSP extension, four channels of a stretch of a row at a time: for
 * the parts that write such rows, part_depthwise_*.c.
 *
 * The columns under the kernel are gathered in the room: for each channel a word of the values of kernel rows 0 and 1,
 * which SMLAD takes two products from, and one of row 2. A column meets up to two more outputs, whose sums stay in
 * registers: 14 instructions for an output, requantized and stored, with stride 1, and 18 with stride 2. The weights
 * are gathered the same way, as if they were three columns. */
#ifndef DQA_DEPTHWISE_ROW_H
#define DQA_DEPTHWISE_ROW_H

#include "block_depthwise.h"

#ifdef DQA_BLOCKS

enum { CHANNELS = 4, COLUMN_WORDS = 2 * CHANNELS, KERNEL = 3 };

#define LINE(text) text "\n\t"
#define CLOBBERS "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory"

/* Columns of four channels, those from `from` to `end`, `second` and `third`: bytes to kernel rows 1 and 2. */
struct columns {
  uint32_t *to;
  const int8_t *from, *end;
  int32_t second, third;
};

/* clang-format off */
/* 20 instructions a column; the bytes from one to the next are in r8. */
#define COLUMNS(of)                                                                                                    \
  LINE("ldr r0, " of "to]") LINE("ldr r1, " of "from]") LINE("ldr r2, " of "second]") LINE("ldr r3, " of "third]")     \
  LINE("ldr lr, " of "end]") LINE("1:")                                                                                \
  LINE("ldr r12, [r1, r2]") LINE("ldr r9, [r1, r3]") LINE("ldr r4, [r1]") LINE("add r1, r1, r8")                       \
  LINE("sxtb16 r6, r4, ror #8") LINE("sxtb16 r4, r4") LINE("sxtb16 r10, r12, ror #8") LINE("sxtb16 r12, r12")          \
  LINE("sxtb16 r7, r9, ror #8") LINE("sxtb16 r5, r9")                                                                  \
  LINE("pkhtb r9, r12, r4, asr #16") LINE("pkhbt r4, r4, r12, lsl #16")                                                \
  LINE("pkhtb r11, r10, r6, asr #16") LINE("pkhbt r6, r6, r10, lsl #16")                                               \
  LINE("asr r10, r5, #16") LINE("asr r12, r7, #16") LINE("stm r0!, {r4-r7}") LINE("stm r0!, {r9-r12}")                 \
  LINE("cmp r1, lr") LINE("bne 1b")
#define OPERANDS(name, of)                                                                                             \
  [name##_to] "m"(of.to), [name##_from] "m"(of.from), [name##_end] "m"(of.end), [name##_second] "m"(of.second),        \
      [name##_third] "m"(of.third)
/* Weights and values, columns `bytes` apart. */
#define GATHER(weights, values, bytes)                                                                                  \
  __asm__ volatile(LINE("ldr r8, %[step]") COLUMNS("%[w_") COLUMNS("%[v_")                                             \
                   :                                                                                                   \
                   : OPERANDS(w, weights), OPERANDS(v, values), [step] "m"(bytes)                                      \
                   : CLOBBERS)
/* clang-format on */

/* Columns of zeros. */
static inline void zeros(uint32_t *to, uint32_t count) {
  for (; count > 0; --count, to += COLUMN_WORDS) {
    to[0] = to[1] = to[2] = to[3] = to[4] = to[5] = to[6] = to[7] = 0;
  }
}

/* Four channels of a stretch. Pairs of words are loaded at once. */
struct stretch {
  uint32_t next[2];   /* addresses of the columns, of the outputs */
  uint32_t last[2];   /* address of the columns of the last two outputs; channel */
  uint32_t tables[2]; /* addresses of biases, of multipliers */
  const uint32_t *weights;
  const uint8_t *shift;
  uint32_t channel_end;
  uint32_t odd;       /* outputs that are left when they are taken two at a time */
  int32_t twice;      /* the zero point, and 1 */
  int32_t scale[2];   /* multiplier; half of a step before the shift and the zero point behind it */
  uint32_t places[2]; /* of the shift; bytes from an output to the next */
};

/* clang-format off */
/* Half of a step before the shift s and the zero point z behind it are (2 z + 1) << (s - 1).
 *
 * r0 columns, r1 outputs, r2 to r5 sums, r6 and r7 a column, r8 to r10 weights of kernel rows 0 and 1, r11 those of row
 * 2 in columns 0 and 1, r12 in column 2, lr bias. */
#define BEGIN                                                                                                          \
  LINE("4:") LINE("ldrd r1, r0, %[last]") LINE("ldr r1, %[shift]") LINE("ldrb.w r2, [r1, r0]") LINE("str r2, %[places]") \
  LINE("sub r3, r2, #1") LINE("ldr r4, %[twice]") LINE("lsl r7, r4, r3") LINE("ldrd r4, r6, %[tables]")                \
  LINE("ldr.w lr, [r4, r0, lsl #2]") LINE("ldr.w r6, [r6, r0, lsl #2]") LINE("strd r6, r7, %[scale]")                  \
  LINE("ldr r0, %[weights]") LINE("ldrd r8, r11, [r0], #32") LINE("ldrd r9, r7, [r0], #32")                            \
  LINE("ldrd r10, r12, [r0], #-56") LINE("str r0, %[weights]") LINE("pkhbt r11, r11, r7, lsl #16")                     \
  LINE("ldrd r0, r1, %[next]") LINE("add r6, r0, #8") LINE("add r7, r1, #1") LINE("strd r6, r7, %[next]")
#define END                                                                                                            \
  LINE("3:") LINE("ldrd r0, r1, %[last]") LINE("add r0, r0, #8") LINE("add r1, r1, #1") LINE("strd r0, r1, %[last]")   \
  LINE("ldr r0, %[channel_end]") LINE("cmp r0, r1") LINE("bne.w 4b")
#define COLUMN LINE("ldrd r6, r7, [r0], #32")
#define AT_0(to, from) LINE("smlad " to ", r6, r8, " from) LINE("smlabb " to ", r7, r11, " to)
#define AT_1(to, from) LINE("smlad " to ", r6, r9, " from) LINE("smlabt " to ", r7, r11, " to)
#define AT_2(to) LINE("smlad " to ", r6, r10, " to) LINE("smlabb " to ", r7, r12, " to)
#define FINISH_1(a, SATURATE)                                                                                          \
  LINE("ldrd r6, r7, %[scale]")                                                                                        \
  LINE("smmla " a ", " a ", r6, r7")                                                                                   \
  LINE("ldrd r6, r7, %[places]")                                                                                       \
  LINE("asr.w " a ", " a ", r6") SATURATE(a) LINE("strb.w " a ", [r1]") LINE("add r1, r1, r7")
#define FINISH_2(a, b, SATURATE)                                                                                       \
  LINE("ldrd r6, r7, %[scale]")                                                                                        \
  LINE("smmla " a ", " a ", r6, r7")                                                                                   \
  LINE("smmla " b ", " b ", r6, r7")                                                                                   \
  LINE("ldrd r6, r7, %[places]") LINE("asr.w " a ", " a ", r6") LINE("asr.w " b ", " b ", r6") SATURATE(a) SATURATE(b) \
      LINE("strb.w " a ", [r1]") LINE("strb.w " b ", [r1, r7]") LINE("add r1, r1, r7, lsl #1")
#define UNLESS_ODD(label) LINE("ldr r6, %[odd]") LINE("cmp r6, #0") LINE("beq.w " label)
#define AT_LAST LINE("ldr r6, %[last]") LINE("cmp r0, r6")
#define AT_END(BYTES) LINE("ldr r6, %[last]") LINE("add r6, r6, #" BYTES) LINE("cmp r0, r6")
#define SIGNED(sum) LINE("ssat " sum ", #8, " sum)
#define UNSIGNED(sum) LINE("usat " sum ", #7, " sum)

/* Stride 1: a column is the last of an output, the middle of the next, the first of the one after it. Two outputs whose
 * sums a and b have begun, and the beginnings c and d of the two behind them; the last two. */
#define PAIR_1(a, b, c, d, SATURATE)                                                                                   \
  COLUMN AT_2(a) AT_1(b, b) AT_0(c, "lr") COLUMN AT_2(b) AT_1(c, c) AT_0(d, "lr") FINISH_2(a, b, SATURATE)
#define LAST_1(a, b, SATURATE) COLUMN AT_2(a) AT_1(b, b) COLUMN AT_2(b) FINISH_2(a, b, SATURATE)
#define ROW_1(SATURATE)                                                                                                \
  BEGIN COLUMN AT_0("r2", "lr") COLUMN AT_1("r2", "r2") AT_0("r3", "lr") UNLESS_ODD("2f") COLUMN AT_2("r2")            \
  AT_1("r3", "r3") AT_0("r4", "lr") FINISH_1("r2", SATURATE) AT_END("64") LINE("beq.w 3f") LINE("mov r2, r3")          \
  LINE("mov r3, r4")                                                                                                   \
  LINE("2:") AT_LAST LINE("beq.w 6f") PAIR_1("r2", "r3", "r4", "r5", SATURATE)                                         \
  AT_LAST LINE("beq.w 5f") PAIR_1("r4", "r5", "r2", "r3", SATURATE) LINE("b.w 2b")                                     \
  LINE("5:") LINE("mov r2, r4") LINE("mov r3, r5") LINE("6:") LAST_1("r2", "r3", SATURATE) END

/* Stride 2: every second column is the last of an output and the first of the next. */
#define OUTPUT_2(a, next) COLUMN AT_1(a, a) COLUMN AT_2(a) AT_0(next, "lr")
#define ROW_2(SATURATE)                                                                                                \
  BEGIN COLUMN AT_0("r2", "lr") UNLESS_ODD("1f") OUTPUT_2("r2", "r3") FINISH_1("r2", SATURATE) LINE("mov r2, r3")      \
  LINE("1:") AT_END("128") LINE("beq.w 3f") LINE("2:") OUTPUT_2("r2", "r3") OUTPUT_2("r3", "r4")                       \
  FINISH_2("r2", "r3", SATURATE) LINE("mov r2, r4") AT_END("128") LINE("bne.w 2b") END

#define STRETCH(text)                                                                                                  \
  __asm__ volatile(text                                                                                                \
                   : [next] "+m"(s.next), [last] "+m"(s.last), [weights] "+m"(s.weights), [scale] "+m"(s.scale),       \
                     [places] "+m"(s.places)                                                                           \
                   : [tables] "m"(s.tables), [shift] "m"(s.shift), [channel_end] "m"(s.channel_end), [odd] "m"(s.odd), \
                     [twice] "m"(s.twice)                                                                              \
                   : CLOBBERS)
/* clang-format on */

/* An address, for asm. */
static inline uint32_t address_of(const void *pointer) { return (uint32_t)(uintptr_t)pointer; }

/* Weights of kernel rows outside of the input are no weights. */
static void leave_out(const struct dqa_taps *taps, uint32_t *weights) {
  const uint32_t last = taps->first + taps->count;
  const uint32_t first = taps->first > 0 ? 0xFFFF0000u : 0xFFFFFFFFu;
  const uint32_t pair = taps->first > 1 || last < 2 ? first & 0xFFFFu : first;
  for (uint32_t i = 0; i < KERNEL * COLUMN_WORDS; i += 2) {
    weights[i] &= pair;
    weights[i + 1] = last < KERNEL ? 0 : weights[i + 1];
  }
}

/* Writes an output row. stride, positive: of the operator, known where this is compiled. */
static DQA_INLINE void dqa_depthwise_row(const struct dqa_op *op, uint32_t y, uint32_t stride, bool positive,
                                         int8_t *out) {
  const struct dqa_edge *const output = &op->output;
  const uint32_t channels = output->channels, width = output->width;
  uint32_t *const room = (uint32_t *)(void *)dqa_room_of(op), *const columns = room + KERNEL * COLUMN_WORDS;
  struct dqa_taps taps;
  dqa_taps_of(op, y, &taps);
  const int8_t *rows[KERNEL]; /* one outside of the input meets no weights: any other stands for it */
  for (uint32_t k = 0; k < KERNEL; ++k) {
    const uint32_t row = k < taps.first ? 0 : k - taps.first;
    rows[k] = taps.rows[row < taps.count ? row : taps.count - 1];
  }
  struct stretch s = {.tables = {address_of(op->bias), address_of(op->multiplier)},
                      .shift = op->shift,
                      .twice = 2 * output->zero_point + 1,
                      .places = {0, channels}};
  const int8_t *const first_weight = (const int8_t *)dqa_op_table(op, DQA_DEPTHWISE_WEIGHTS);
  struct columns w = {.to = room, .second = (int32_t)(KERNEL * channels), .third = (int32_t)(2 * KERNEL * channels)};
  struct columns v = {.second = (int32_t)(rows[1] - rows[0]), .third = (int32_t)(rows[2] - rows[0])};
  for (uint32_t x = 0; x < width; x += op->block) {
    const uint32_t count = width - x < op->block ? width - x : op->block;
    const int32_t first = taps.left + (int32_t)(x * stride), end = first + (int32_t)((count - 1) * stride + KERNEL);
    const int32_t from = first < 0 ? 0 : first, until = end < taps.width ? end : taps.width;
    v.to = columns + (from - first) * COLUMN_WORDS;
    zeros(columns, (uint32_t)(from - first));
    zeros(v.to + (until - from) * COLUMN_WORDS, (uint32_t)(end - until));
    s.odd = count % 2;
    for (uint32_t next = 0; next < channels; next += CHANNELS) {
      const uint32_t o =
          channels - next < CHANNELS ? channels - CHANNELS : next; /* the last four, some of them again */
      w.from = first_weight + o;
      w.end = w.from + KERNEL * channels;
      v.from = rows[0] + from * (int32_t)channels + o;
      v.end = rows[0] + until * (int32_t)channels + o;
      GATHER(w, v, channels);
      if (taps.count < KERNEL) {
        leave_out(&taps, room);
      }
      s.next[0] = address_of(columns);
      s.next[1] = address_of(out + x * channels + o);
      s.last[0] = address_of(columns + (end - first - (int32_t)(2 * stride)) * COLUMN_WORDS);
      s.last[1] = o;
      s.weights = room;
      s.channel_end = o + CHANNELS;
      if (stride == 1 && positive) {
        STRETCH(ROW_1(UNSIGNED));
      } else if (stride == 1) {
        STRETCH(ROW_1(SIGNED));
      } else if (positive) {
        STRETCH(ROW_2(UNSIGNED));
      } else {
        STRETCH(ROW_2(SIGNED));
      }
    }
  }
  dqa_clamp_block(output, out, output->row_values);
}

#endif
#endif
