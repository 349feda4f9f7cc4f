/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: dense weights as pairs of outputs: 256 * the second's weight + the first's, in 16 bits.
 *
 * A group is four outputs and four inputs: for inputs 0 and 2 the pair of outputs 0 and 1, that of outputs 2 and 3,
 * then the same for inputs 1 and 3. SXTB16 takes the first outputs' weights; the whole word, multiplied as it is, adds
 * up the first's sum + 256 times the second's, exactly modulo 2^32: 16 instructions for 16 products. */
#include "pairs.h"
#include "../format/bounds.h"
#include "dsp.h"
#include "requantize.h"

enum { OUTPUTS = 4, INPUTS = 4, GROUP_BYTES = 2 * OUTPUTS * INPUTS / 2 };

/* A pair's weights of the first and of the second output. */
static inline int32_t first_of(int16_t pair) { return (int8_t)((uint16_t)pair & 255u); }
static inline int32_t second_of(int16_t pair) { return (pair - first_of(pair)) >> 8; }

/* The sums of the second outputs are below 2^23, with weights and values of any sign. */
DQA_COLD bool dqa_pairs_valid(const struct dqa_op *op, uint32_t offset) {
  const uint32_t row = op->input.row_values, inputs = op->input.height * row, outputs = op->output.channels;
  if (outputs % OUTPUTS != 0 || row % INPUTS != 0 || !dqa_in_program(op->model, offset, outputs, inputs)) {
    return false;
  }
  const uint32_t high = (uint32_t)(op->input.high < 0 ? -op->input.high : op->input.high);
  const uint32_t low = (uint32_t)(op->input.low < 0 ? -op->input.low : op->input.low);
  const uint32_t most = ((1u << 23) - 1u) / (low > high ? low : high > 0 ? high : 1u);
  const uint8_t *pair = op->model->bytes + offset;
  for (uint32_t o = 0; o < outputs; o += OUTPUTS) {
    uint32_t sums[2] = {0, 0};
    for (uint32_t i = 0; i < 2 * inputs; ++i, pair += 2) {
      const int32_t first = first_of(dqa_i16(pair)), second = second_of(dqa_i16(pair));
      if (first < -127 || second < -127 || second > 127) {
        return false;
      }
      sums[i / 2 % 2] += (uint32_t)(second < 0 ? -second : second);
    }
    if (sums[0] > most || sums[1] > most) {
      return false;
    }
  }
  return true;
}

/* The readable twin, and what runs where weights are not aligned as LDM wants them. */
static void products(const uint8_t *group, const int8_t *values, uint32_t length, int32_t sums[4]) {
  for (uint32_t i = 0; i < length; i += INPUTS) {
    for (uint32_t odd = 0; odd < 2; ++odd) {
      for (uint32_t pair = 0; pair < OUTPUTS; pair += 2, group += 4) {
        const int16_t a = dqa_i16(group), b = dqa_i16(group + 2);
        sums[pair] += first_of(a) * values[i + odd] + first_of(b) * values[i + odd + 2];
        sums[pair + 1] += second_of(a) * values[i + odd] + second_of(b) * values[i + odd + 2];
      }
    }
  }
}

#ifdef DQA_BLOCKS

/* Programs lie at any address. */
static bool aligned(const void *table) { return ((uintptr_t)table & 3u) == 0; }

/* What the outputs share. */
struct sums {
  const int8_t *values, *end;
  const uint8_t *group, *bias, *multiplier, *shift;
  int8_t *out, *out_end;
  uint32_t entry;    /* bytes of the unrolled loop that its first turn leaves out; then where that begins */
  int32_t twice;     /* the zero point, and 1 */
  uint32_t positive; /* outputs are clamped to 0..127, else to -128..127 */
};

/* r0 values, r1 weights, r2 to r5 sums: of the first of a pair, then of both. */
/* clang-format off */
#define LINE(text) text "\n\t"
#define PAIR(word, values, first, both)                                                                                \
  LINE("sxtb16 r12, " word) LINE("smlad " both ", " values ", " word ", " both)                                        \
  LINE("smlad " first ", " values ", r12, " first)
#define GROUP                                                                                                          \
  LINE("ldr.w r11, [r0], #4") LINE("ldm.w r1!, {r6-r9}") LINE("sxtb16 r10, r11") LINE("sxtb16 r11, r11, ror #8")       \
  PAIR("r6", "r10", "r2", "r3") PAIR("r7", "r10", "r4", "r5") PAIR("r8", "r11", "r2", "r3") PAIR("r9", "r11", "r4", "r5")
#define FIND_ENTRY                                                                                                     \
  LINE("ldr r1, %[group]") LINE("adr.w r6, 2f") LINE("ldr r7, %[entry]") LINE("add r6, r6, r7") LINE("add r6, r6, #1")
#define FOUR_GROUPS GROUP GROUP GROUP GROUP
#define PRODUCTS(ENTER, GROUPS)                                                                                                \
  LINE("ldr r0, %[values]") LINE("mov r2, #0") LINE("mov r3, #0") LINE("mov r4, #0") LINE("mov r5, #0") LINE("ldr lr, %[end]") ENTER          \
  LINE("2:") GROUPS                                            \
  LINE("cmp r0, lr") LINE("bne.w 2b")                                                           \
  LINE("sub r3, r3, r2") LINE("asr r3, r3, #8") LINE("sub r5, r5, r4") LINE("asr r5, r5, #8")
/* Half of a step before the shift s and the zero point z behind it are (2 z + 1) << (s - 1), lr << r12. */
#define FINISH(a, b)                                                                                                   \
  LINE("ldrd r9, r10, [r6], #8") LINE("add " a ", " a ", r9") LINE("add " b ", " b ", r10")                            \
  LINE("ldrd r9, r10, [r7], #8") SCALE(a, "r9") SCALE(b, "r10")
#define SCALE(sum, multiplier)                                                                                         \
  LINE("ldrb r11, [r8], #1") LINE("sub r12, r11, #1") LINE("lsl r12, lr, r12")                                         \
  LINE("smmla " sum ", " sum ", " multiplier ", r12") LINE("asr " sum ", " sum ", r11")
#define STORE(CLAMP, sum) LINE(CLAMP ", " sum) LINE("strb " sum ", [r0], #1")
#define SIGNED(sum) STORE("ssat " sum ", #8", sum)
#define UNSIGNED(sum) STORE("usat " sum ", #7", sum)
#define ROW                                                                                                            \
  FIND_ENTRY LINE("str r6, %[entry]") LINE("1:") PRODUCTS(LINE("ldr pc, %[entry]"), FOUR_GROUPS FOUR_GROUPS)           \
  LINE("ldr r6, %[bias]") LINE("ldr r7, %[multiplier]") LINE("ldr r8, %[shift]") LINE("ldr r0, %[out]")                \
  LINE("ldr lr, %[twice]") FINISH("r2", "r3") FINISH("r4", "r5")                                                            \
  LINE("str r6, %[bias]") LINE("str r7, %[multiplier]") LINE("str r8, %[shift]") LINE("ldr r6, %[positive]")           \
  LINE("cbnz r6, 3f") SIGNED("r2") SIGNED("r3") SIGNED("r4") SIGNED("r5") LINE("b.w 4f")                               \
  LINE("3:") UNSIGNED("r2") UNSIGNED("r3") UNSIGNED("r4") UNSIGNED("r5") LINE("4:")                                    \
  LINE("str r0, %[out]") LINE("ldr r6, %[out_end]") LINE("cmp r0, r6") LINE("bne.w 1b")
#define CLOBBERS                                                                                                       \
  "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory"
/* clang-format on */
enum { GROUP_INSTRUCTION_BYTES = 16 * 4, UNROLLED = 8, UNROLLED_ALONE = 4 };

/* The bytes of an unrolled loop that its first turn leaves out. */
static uint32_t left_out(uint32_t groups, uint32_t unrolled) {
  return (unrolled - groups % unrolled) % unrolled * GROUP_INSTRUCTION_BYTES;
}

bool dqa_pair_row(const struct dqa_op *op, uint32_t offset, const int8_t *values, int8_t *out) {
  const struct dqa_edge *const output = &op->output;
  const uint32_t length = op->input.row_values, groups = length / INPUTS;
  const uint8_t *const group = op->model->bytes + offset;
  if (!aligned(group) || !aligned(op->bias) || !aligned(op->multiplier)) {
    return false;
  }
  if (output->high != INT8_MAX || (output->low != 0 && output->low != INT8_MIN) || !dqa_zero_point_folds(op)) {
    return false;
  }
  struct sums s = {.values = values,
                   .end = values + length,
                   .group = group,
                   .bias = op->bias,
                   .multiplier = op->multiplier,
                   .shift = op->shift,
                   .out = out,
                   .out_end = out + output->channels,
                   .entry = left_out(groups, UNROLLED),
                   .twice = 2 * output->zero_point + 1,
                   .positive = output->low == 0};
  __asm__ volatile(ROW
                   : [bias] "+m"(s.bias), [multiplier] "+m"(s.multiplier), [shift] "+m"(s.shift), [out] "+m"(s.out),
                     [entry] "+m"(s.entry)
                   : [values] "m"(s.values), [end] "m"(s.end), [group] "m"(s.group), [out_end] "m"(s.out_end),
                     [twice] "m"(s.twice), [positive] "m"(s.positive)
                   : CLOBBERS);
  return true;
}

void dqa_pair_products(const uint8_t *group, const int8_t *values, uint32_t length, int32_t sums[4]) {
  if (!aligned(group)) {
    products(group, values, length, sums);
    return;
  }
  const uint32_t groups = length / INPUTS;
  const int8_t *const end = values + length;
  const uint32_t entry = left_out(groups, UNROLLED_ALONE);
  int32_t found[OUTPUTS];
  int32_t *const to = found;
  __asm__ volatile(FIND_ENTRY PRODUCTS(LINE("bx r6"), FOUR_GROUPS) LINE("ldr r6, %[to]") LINE("stm r6, {r2-r5}")
                   :
                   : [values] "m"(values), [end] "m"(end), [group] "m"(group), [entry] "m"(entry), [to] "m"(to)
                   : CLOBBERS);
  for (uint32_t j = 0; j < OUTPUTS; ++j) {
    sums[j] += found[j];
  }
}

#else

bool dqa_pair_row(const struct dqa_op *op, uint32_t offset, const int8_t *values, int8_t *out) {
  (void)op, (void)offset, (void)values, (void)out;
  return false;
}

void dqa_pair_products(const uint8_t *group, const int8_t *values, uint32_t length, int32_t sums[4]) {
  products(group, values, length, sums);
}

#endif
