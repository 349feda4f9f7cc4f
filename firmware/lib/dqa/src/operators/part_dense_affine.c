/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: FULLY_CONNECTED, affine weights: the codes of four outputs for an input are 16 bits.
 *
 * For two inputs, a word: masked, it gives the codes of the first output, those of the second times 16, those of the
 * third times 256. As it is, it sums up all four, the fourth's times 4096: what the others leave, exact modulo 2^20,
 * which is why the fourth's codes are signed and a run is no longer than RUN. 34 instructions for 32 products. */
#include "affine.h"
#include "dense.h"
#include "products.h"

enum { DECODED = 32 };

/* The weights of four outputs for `count` inputs, from a group on, output after output; the readable twin. */
static void decode(const uint8_t *group, const int32_t least[DQA_DENSE_OUTPUTS], uint32_t count, int8_t *to) {
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t k = i % DQA_AFFINE_INPUTS, place = 2 * dqa_affine_pair(k) + dqa_affine_half(k);
    const uint32_t codes = dqa_u16(group + i / DQA_AFFINE_INPUTS * DQA_QUAD_BYTES + 2 * place) ^ 0x8000u;
    for (uint32_t j = 0; j < DQA_DENSE_OUTPUTS; ++j) {
      to[j * DECODED + i] = (int8_t)(least[j] + DQA_AFFINE_STEP * (int32_t)(codes >> 4 * j & 15u));
    }
  }
}

static void decoded_products(const uint8_t *group, const int32_t least[DQA_DENSE_OUTPUTS], const int8_t *values,
                             uint32_t length, int32_t sums[DQA_DENSE_OUTPUTS]) {
  int8_t room[DQA_DENSE_OUTPUTS * DECODED];
  const int8_t *const w[DQA_DENSE_OUTPUTS] = {room, room + DECODED, room + 2 * DECODED, room + 3 * DECODED};
  for (uint32_t done = 0; done < length; done += DECODED, group += DECODED / DQA_AFFINE_INPUTS * DQA_QUAD_BYTES) {
    const uint32_t count = length - done < DECODED ? length - done : DECODED;
    decode(group, least, count, room);
    dqa_products_4x1(w, values + done, count, sums);
  }
}

/* The least weights of outputs o to o + 3, past the last output 0. */
static inline void least_of(const struct dqa_op *op, uint32_t o, int32_t least[DQA_DENSE_OUTPUTS]) {
  const int8_t *const all = dqa_affine_least(op) + o;
  const uint32_t count = dqa_dense_count(op, o);
  for (uint32_t j = 0; j < DQA_DENSE_OUTPUTS; ++j) {
    least[j] = j < count ? all[j] : 0;
  }
}

/* Where the codes for input row y are. */
static inline const uint8_t *group_of(const struct dqa_op *op, uint32_t y, uint32_t o) {
  const uint32_t inputs = op->input.height * op->input.row_values;
  return dqa_op_table(op, DQA_DENSE_WEIGHTS) +
         (o / DQA_DENSE_OUTPUTS * dqa_affine_groups(inputs) + y * op->input.row_values / DQA_AFFINE_INPUTS) *
             DQA_QUAD_BYTES;
}

#ifdef DQA_BLOCKS

enum { RUN = 256, UNROLLED = 4, GROUP_INSTRUCTION_BYTES = 34 * 4 }; /* inputs; groups */

/* What the outputs share; the asm finds it on the stack. */
struct sums {
  const int8_t *values, *values_end, *first_end, *end; /* of all, of the first run, of this one */
  const uint8_t *group, *sums, *multiplier, *shift; /* sums: what they begin with; where they go without multiplier */
  const int8_t *least;
  int8_t *out, *out_end;
  uint32_t other_rows; /* bytes of codes for other rows between two groups of outputs */
  uint32_t entry;      /* bytes of the unrolled loop that the first run leaves out; then where it begins */
  int32_t *found;      /* of earlier runs: sums of values times codes, the fourth's less 8 */
  int32_t total;       /* of the values */
  int32_t twice;       /* the zero point, and 1 */
  uint32_t positive;   /* outputs are clamped to 0..127, else to -128..127 */
};

/* clang-format off */
#define LINE(text) text "\n\t"
/* Two inputs r12, a word of codes; sums r2 to r5: the first output's, 16 times the second's, 256 times the third's, all. */
#define QUAD(word, values)                                                                                             \
  LINE(values)                                                                                                         \
  LINE("and lr, " word ", #0x000f000f") LINE("smlad r2, r12, lr, r2") LINE("and lr, " word ", #0x00f000f0")            \
  LINE("smlad r3, r12, lr, r3") LINE("and lr, " word ", #0x0f000f00") LINE("smlad r4, r12, lr, r4")                    \
  LINE("smlad r5, r12, " word ", r5")
#define GROUP                                                                                                          \
  LINE("ldm.w r1!, {r6-r9}") LINE("ldrd r10, r11, [r0], #8")                                                           \
  QUAD("r6", "sxtb16 r12, r10") QUAD("r7", "sxtb16 r12, r10, ror #8")                                                  \
  QUAD("r8", "sxtb16 r12, r11") QUAD("r9", "sxtb16 r12, r11, ror #8")
#define ZERO LINE("mov r2, #0") LINE("mov r3, #0") LINE("mov r4, #0") LINE("mov r5, #0")
#define FIND_ENTRY                                                                                                     \
  LINE("ldr r1, %[group]") LINE("adr.w r6, 2f") LINE("ldr r7, %[entry]") LINE("add r6, r6, r7") LINE("add r6, r6, #1") \
  LINE("str r6, %[entry]")
/* The products of four outputs, run by run. */
#define PRODUCTS                                                                                                       \
  LINE("ldr r0, %[values]") LINE("ldr r12, %[first_end]") LINE("str r12, %[end]")                                      \
  ZERO LINE("ldr r12, %[found]") LINE("stm r12, {r2-r5}") LINE("ldr pc, %[entry]")                                     \
  LINE(".p2align 2") LINE("2:") GROUP GROUP GROUP GROUP LINE("ldr r12, %[end]") LINE("cmp r0, r12") LINE("bne.w 2b")   \
  LINE("sub r5, r5, r2") LINE("sub r5, r5, r3") LINE("sub r5, r5, r4") LINE("ldr r12, %[found]")                       \
  LINE("ldm r12, {r6-r9}") LINE("add r2, r6, r2") LINE("add r3, r7, r3, asr #4") LINE("add r4, r8, r4, asr #8")        \
  LINE("add r5, r9, r5, asr #12") LINE("ldr r10, %[values_end]") LINE("cmp r0, r10") LINE("beq.n 5f")                  \
  LINE("stm r12, {r2-r5}") ZERO LINE("add r12, r0, #256") LINE("str r12, %[end]") LINE("b.w 2b") LINE("5:")
/* r0 total, r1 least weights, r6 what sums begin with, r7 multipliers, r8 shifts. Half of a step before the shift s and the zero
 * point z behind it are (2 z + 1) << (s - 1), lr << r12. */
#define WEIGH(sum, bias) LINE("ldrsb r11, [r1], #1") LINE("mla r11, r11, r0, " bias) LINE("add " sum ", r11, " sum ", lsl #3")
#define SCALE(sum, multiplier)                                                                                         \
  LINE("ldrb r11, [r8], #1") LINE("sub r12, r11, #1") LINE("lsl r12, lr, r12")                                         \
  LINE("smmla " sum ", " sum ", " multiplier ", r12") LINE("asr " sum ", " sum ", r11")
#define WEIGH_TWO(a, b) LINE("ldrd r9, r10, [r6], #8") WEIGH(a, "r9") WEIGH(b, "r10")
#define SCALE_TWO(a, b) LINE("ldrd r9, r10, [r7], #8") SCALE(a, "r9") SCALE(b, "r10")
#define STORE(CLAMP, sum) LINE(CLAMP ", " sum) LINE("strb " sum ", [r0], #1")
#define SIGNED(sum) STORE("ssat " sum ", #8", sum)
#define UNSIGNED(sum) STORE("usat " sum ", #7", sum)
#define ROW                                                                                                            \
  FIND_ENTRY LINE("1:") PRODUCTS LINE("ldr r6, %[other_rows]") LINE("add r1, r1, r6") LINE("str r1, %[group]")         \
  LINE("ldr r0, %[total]") LINE("ldr r1, %[least]") LINE("ldr r6, %[sums]")                                            \
  LINE("add r5, r5, r0, lsl #3") /* the fourth's 8 */                                                                  \
  WEIGH_TWO("r2", "r3") WEIGH_TWO("r4", "r5") LINE("str r6, %[sums]") LINE("str r1, %[least]")                         \
  LINE("ldr r1, %[group]") LINE("ldr r7, %[multiplier]") LINE("cbnz r7, 6f")                                           \
  LINE("stmdb r6, {r2-r5}") LINE("ldr r0, %[out]") LINE("add r0, r0, #4") LINE("b.w 4f") LINE("6:")                    \
  LINE("ldr r8, %[shift]") LINE("ldr lr, %[twice]") SCALE_TWO("r2", "r3") SCALE_TWO("r4", "r5")                        \
  LINE("str r7, %[multiplier]") LINE("str r8, %[shift]") LINE("ldr r0, %[out]") LINE("ldr r6, %[positive]")            \
  LINE("cbnz r6, 3f") SIGNED("r2") SIGNED("r3") SIGNED("r4") SIGNED("r5") LINE("b.w 4f")                               \
  LINE("3:") UNSIGNED("r2") UNSIGNED("r3") UNSIGNED("r4") UNSIGNED("r5") LINE("4:")                                    \
  LINE("str r0, %[out]") LINE("ldr r6, %[out_end]") LINE("cmp r0, r6") LINE("bne.w 1b")
/* clang-format on */

/* The sum of the values of whole words. */
static int32_t total_of(const int8_t *values, uint32_t words) {
  int32_t total = 0;
  for (; words > 0; --words) {
    const uint32_t four = dsp_take_4(&values);
    total = dsp_add_products(dsp_add_products(total, dsp_even(four), 0x00010001u), dsp_odd(four), 0x00010001u);
  }
  return total;
}

/* The products of input row y and of whole groups of outputs, if LDM and LDRD may read them: added to acc, or without
 * it finished, if the range of the output is one of those that are clamped to. Gives how many outputs that were. */
static uint32_t fast(const struct dqa_op *op, uint32_t y, const int8_t *values, int32_t *acc, int8_t *out) {
  const struct dqa_edge *const output = &op->output;
  const uint32_t length = op->input.row_values, channels = output->channels / DQA_DENSE_OUTPUTS * DQA_DENSE_OUTPUTS;
  const uint32_t first = length % RUN == 0 ? RUN : length % RUN, groups = first / DQA_AFFINE_INPUTS;
  const bool clamps = output->high == INT8_MAX && (output->low == 0 || output->low == INT8_MIN);
  if ((((uintptr_t)values | (uintptr_t)op->model->bytes) & 3u) != 0 || length % DQA_AFFINE_INPUTS != 0 ||
      channels == 0 || (acc == NULL && !(clamps && dqa_zero_point_folds(op)))) {
    return 0;
  }
  int32_t found[DQA_DENSE_OUTPUTS];
  struct sums s = {.values = values,
                   .values_end = values + length,
                   .first_end = values + first,
                   .group = group_of(op, y, 0),
                   .sums = acc != NULL ? (const uint8_t *)acc : op->bias,
                   .multiplier = acc != NULL ? NULL : op->multiplier,
                   .shift = op->shift,
                   .least = dqa_affine_least(op),
                   .out = out,
                   .out_end = out + channels,
                   .other_rows = (op->input.height - 1u) * length / DQA_AFFINE_INPUTS * DQA_QUAD_BYTES,
                   .entry = (UNROLLED - groups % UNROLLED) % UNROLLED * GROUP_INSTRUCTION_BYTES,
                   .found = found,
                   .total = total_of(values, length / 4u),
                   .twice = 2 * output->zero_point + 1,
                   .positive = output->low == 0};
  __asm__ volatile(ROW
                   : [group] "+m"(s.group), [sums] "+m"(s.sums), [multiplier] "+m"(s.multiplier), [shift] "+m"(s.shift),
                     [least] "+m"(s.least), [out] "+m"(s.out), [entry] "+m"(s.entry), [end] "+m"(s.end)
                   : [values] "m"(s.values), [values_end] "m"(s.values_end), [first_end] "m"(s.first_end),
                     [out_end] "m"(s.out_end), [other_rows] "m"(s.other_rows), [found] "m"(s.found),
                     [total] "m"(s.total), [twice] "m"(s.twice), [positive] "m"(s.positive)
                   : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc",
                     "memory");
  return channels;
}

#else

static uint32_t fast(const struct dqa_op *op, uint32_t y, const int8_t *values, int32_t *acc, int8_t *out) {
  (void)op, (void)y, (void)values, (void)acc, (void)out;
  return 0;
}

#endif

static void sum_products(const struct dqa_op *op, uint32_t y, const int8_t *values, uint32_t o,
                         int32_t sums[DQA_DENSE_OUTPUTS]) {
  int32_t least[DQA_DENSE_OUTPUTS];
  least_of(op, o, least);
  decoded_products(group_of(op, y, o), least, values, op->input.row_values, sums);
}

static void accumulate(const struct dqa_op *op, uint32_t y, const int8_t *values, int32_t *acc) {
  if (y == 0) {
    memcpy(acc, op->bias, 4u * op->output.channels);
  }
  dqa_dense_accumulate(op, y, values, fast(op, y, values, acc, NULL), acc, sum_products);
}

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  const int8_t *const values = acc == NULL ? dqa_dense_values(op) : NULL;
  (void)y;
  dqa_dense_row(op, values, acc == NULL ? fast(op, 0, values, NULL, out) : 0, acc, out, sum_products);
}

const struct dqa_operator dqa_part_dense_affine = {.accumulate = accumulate, .row = row};
