/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: dense layers on MVE: four outputs at a time.
 *
 * Pairs (pairs.c) are 16 bits, 256 * the second's weight + the first's: as they are they sum up 256 times the second's
 * sum + the first's, modulo 2^32; the first's alone is that of their low bytes, below values whose high bytes are 0. */
#include "mve_dense.h"

#ifdef DQA_MVE

#include "mve.h"
#include "mve_products.h"

enum { OUTPUTS = 4, INPUTS = 8, UNROLLED = 32 };

/* The inputs of two groups of pairs: those of a group are 0 and 2, then 1 and 3. Then those of the next two, and so on.
 */
static const uint16_t order[UNROLLED] = {0,  2,  1,  3,  4,  6,  5,  7,  8,  10, 9,  11, 12, 14, 13, 15,
                                         16, 18, 17, 19, 20, 22, 21, 23, 24, 26, 25, 27, 28, 30, 29, 31};

/* clang-format off */
/* Products of eight inputs, at the places that a vector says: 8 instructions for 32. */
#define PRODUCTS(places) \
  "vld20.32 {q0, q1}, [%[pairs]]\n\t" "vld21.32 {q0, q1}, [%[pairs]]!\n\t" /* of outputs 0 and 1; of 2 and 3 */ \
  "vldrb.s16 q2, [%[values], " places "]\n\t" "vldrb.u16 q3, [%[values], " places "]\n\t" \
  "vmladava.s16 %[both_a], q0, q2\n\t" "vmladava.s16 %[both_b], q1, q2\n\t" \
  "vmladava.s8 %[first_a], q0, q3\n\t" "vmladava.s8 %[first_b], q1, q3\n\t"
/* clang-format on */

/* Bias and products of four outputs: 34 instructions for 128, what is left 10 for 32. */
static inline int32x4_t pair_sums(const uint8_t *pairs, const int8_t *values, uint32_t length, const uint8_t *bias) {
  int32_t both_a = 0, both_b = 0, first_a = 0, first_b = 0;
  /* clang-format off */
  __asm__ volatile(
      "wls lr, %[many], 2f\n\t"
      "1:\n\t"
      PRODUCTS("%q[order_0]") PRODUCTS("%q[order_1]") PRODUCTS("%q[order_2]") PRODUCTS("%q[order_3]")
      "add %[values], #32\n\t"
      "le lr, 1b\n\t"
      "2:\n\t"
      "wls lr, %[few], 4f\n\t"
      "3:\n\t"
      PRODUCTS("%q[order_0]")
      "add %[values], #8\n\t"
      "le lr, 3b\n\t"
      "4:\n\t"
      : [pairs] "+r"(pairs), [values] "+l"(values), [both_a] "+Te"(both_a), [both_b] "+Te"(both_b),
        [first_a] "+Te"(first_a), [first_b] "+Te"(first_b)
      : [many] "r"(length / UNROLLED), [few] "r"(length % UNROLLED / INPUTS), [order_0] "w"(vldrhq_u16(order)),
        [order_1] "w"(vldrhq_u16(order + 8)), [order_2] "w"(vldrhq_u16(order + 16)), [order_3] "w"(vldrhq_u16(order + 24))
      : "q0", "q1", "q2", "q3", "lr", "cc", "memory");
  /* clang-format on */
  int32x4_t sums = vdupq_n_s32(first_a);
  sums = vsetq_lane_s32((int32_t)((uint32_t)both_a - (uint32_t)first_a) >> 8, sums, 1);
  sums = vsetq_lane_s32(first_b, sums, 2);
  sums = vsetq_lane_s32((int32_t)((uint32_t)both_b - (uint32_t)first_b) >> 8, sums, 3);
  return vaddq_s32(sums, mve_words(bias));
}

static bool fits(const struct dqa_op *op) { return op->output.channels >= OUTPUTS && op->output.zero_points == NULL; }

bool dqa_mve_pair_row(const struct dqa_op *op, const uint8_t *weights, const int8_t *values, int8_t *out) {
  const uint32_t length = op->input.row_values;
  if (!fits(op) || length % INPUTS != 0 || ((uintptr_t)weights & 3u) != 0) { /* as VLD2 wants them */
    return false;
  }
  for (uint32_t o = 0; o < op->output.channels; o += OUTPUTS) {
    const int32x4_t sums = pair_sums(weights + o * length, values, length, op->bias + 4 * o);
    const struct mve_ends ends = mve_ends_of(op, o);
    mve_finish(sums, &ends, out + o);
  }
  return true;
}

bool dqa_mve_dense_row(const struct dqa_op *op, const uint8_t *weights, const int8_t *values, int8_t *out) {
  const int8_t *const rows[1] = {values};
  const struct mve_runs runs = {.rows = rows,
                                .rows_end = rows + 1,
                                .length = op->input.row_values,
                                .weights = (const int8_t *)weights,
                                .channel_step = op->input.row_values};
  if (!fits(op) || op->weight_encoding != DQA_WEIGHTS_INT8) {
    return false;
  }
  dqa_mve_pixels(op, &runs, 1, out);
  return true;
}

#endif
