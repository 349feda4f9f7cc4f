/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: sums of products on MVE: VMLADAVA adds sixteen to a sum. Its loops are predicated by their tails (DLSTP,
 * LETP), so that runs have any length.
 *
 * The asm takes all registers but the stack pointer and finds its operands on the stack: give it structs of the calling
 * function's own. Sums are in even registers, as VMLADAVA wants them. */
#ifndef DQA_MVE_PRODUCTS_H
#define DQA_MVE_PRODUCTS_H

#include "mve.h"

#ifdef DQA_MVE

/* Runs of values, each below a run of weights; the asm loads fields two at a time. */
struct mve_runs {
  const int8_t *const *rows; /* where the runs of the first pixel begin; at least one */
  uint32_t channel_step;     /* from the weights of an output channel to those of the next */
  uint32_t pixel_step;       /* from the values of a pixel to those of the next */
  uint32_t length;           /* of a run */
  int32_t row_gap;           /* from the end of the vectors of a run of weights to the next run */
  const int8_t *const *rows_end;
};

/* The row_gap of runs of weights that are `step` apart. */
static inline int32_t mve_row_gap(uint32_t step, uint32_t length) { return (int32_t)(step - ((length + 15u) & ~15u)); }

/* The weights of four output channels: those of the first and of the third; biases. */
struct mve_weights {
  const int8_t *first, *third;
  const uint8_t *bias;
};

/* clang-format off */
#define LINE(text) text "\n\t"
#define CLOBBERS                                                                                                       \
  "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory", "q0", "q1",   \
      "q2", "q3"
#define VALUES(vector, pointer) LINE("vldrb.8 " vector ", [" pointer "], #16")
#define ADD_PRODUCTS(sum, a, b) LINE("vmladava.s8 " sum ", " a ", " b)

/* Two channels, weights from r7 and r9 on, at three pixels, r1, r3 and r5; sums from the biases in r0 and r6 on. */
#define TWO_CHANNELS                                                                                                   \
  LINE("ldr r12, %[rows]") LINE("mov r2, r0") LINE("mov r4, r0") LINE("mov r8, r6") LINE("mov r10, r6")                \
  LINE("1:") LINE("ldr r1, [r12], #4") LINE("ldrd r11, lr, %[pixel_step]")                                             \
  LINE("add r3, r1, r11") LINE("add r5, r3, r11")                                                                      \
  LINE("dlstp.8 lr, lr") LINE("2:")                                                                                    \
  VALUES("q0", "r7") VALUES("q1", "r1") VALUES("q2", "r3") ADD_PRODUCTS("r0", "q0", "q1") VALUES("q3", "r5")           \
  ADD_PRODUCTS("r2", "q0", "q2") ADD_PRODUCTS("r4", "q0", "q3") VALUES("q0", "r9") ADD_PRODUCTS("r6", "q0", "q1")      \
  ADD_PRODUCTS("r8", "q0", "q2") ADD_PRODUCTS("r10", "q0", "q3")                                                       \
  LINE("letp lr, 2b")                                                                                                  \
  LINE("ldrd r11, lr, %[row_gap]") LINE("add r7, r7, r11") LINE("add r9, r9, r11")                                     \
  LINE("cmp r12, lr") LINE("bne 1b")
/* Their sums to two lanes of a vector of each pixel. */
#define TO_LANES(a, b)                                                                                                 \
  LINE("vmov %q[at_0][" b "], %q[at_0][" a "], r0, r6") LINE("vmov %q[at_1][" b "], %q[at_1][" a "], r2, r8")          \
  LINE("vmov %q[at_2][" b "], %q[at_2][" a "], r4, r10")

/* sums[i] = bias + products of four output channels at pixel i: 22 vector instructions for 192 products. */
static DQA_INLINE void mve_products_4x3(const struct mve_runs *runs, const struct mve_weights *weights,
                                        int32x4_t sums[3]) {
  __asm__ volatile(
      LINE("ldr r11, %[bias]") LINE("ldr r0, [r11]") LINE("ldr r6, [r11, #8]") LINE("ldrd r7, r9, %[first]")
      TWO_CHANNELS TO_LANES("0", "2")
      LINE("ldr r11, %[bias]") LINE("ldr r0, [r11, #4]") LINE("ldr r6, [r11, #12]")
      LINE("ldrd r7, r9, %[first]") LINE("ldr r11, %[channel_step]") LINE("add r7, r7, r11") LINE("add r9, r9, r11")
      TWO_CHANNELS TO_LANES("1", "3")
      : [at_0] "=&w"(sums[0]), [at_1] "=&w"(sums[1]), [at_2] "=&w"(sums[2])
      : [rows] "m"(runs->rows), [pixel_step] "m"(runs->pixel_step), [length] "m"(runs->length),
        [channel_step] "m"(runs->channel_step), [row_gap] "m"(runs->row_gap), [rows_end] "m"(runs->rows_end),
        [first] "m"(weights->first), [third] "m"(weights->third), [bias] "m"(weights->bias)
      : CLOBBERS);
}

/* The same at one pixel: 9 vector instructions for 64 products. */
static DQA_INLINE int32x4_t mve_products_4x1(const struct mve_runs *runs, const struct mve_weights *weights) {
  int32x4_t sums;
  __asm__ volatile(
      LINE("ldr r12, %[bias]") LINE("ldr r0, [r12]") LINE("ldr r2, [r12, #4]") LINE("ldr r4, [r12, #8]")
      LINE("ldr r6, [r12, #12]") LINE("ldrd r1, r5, %[first]") LINE("ldr r7, %[channel_step]") LINE("ldr r12, %[rows]")
      LINE("add r3, r1, r7") LINE("add r7, r5, r7")
      LINE("1:") LINE("ldr r9, [r12], #4") LINE("ldr lr, %[length]") LINE("dlstp.8 lr, lr") LINE("2:")
      VALUES("q0", "r9") VALUES("q1", "r1") VALUES("q2", "r3") ADD_PRODUCTS("r0", "q0", "q1") VALUES("q3", "r5")
      ADD_PRODUCTS("r2", "q0", "q2") VALUES("q1", "r7") ADD_PRODUCTS("r4", "q0", "q3") ADD_PRODUCTS("r6", "q0", "q1")
      LINE("letp lr, 2b")
      LINE("ldrd r11, lr, %[row_gap]") LINE("add r1, r1, r11") LINE("add r3, r3, r11") LINE("add r5, r5, r11")
      LINE("add r7, r7, r11") LINE("cmp r12, lr") LINE("bne 1b")
      LINE("vmov %q[sums][2], %q[sums][0], r0, r4") LINE("vmov %q[sums][3], %q[sums][1], r2, r6")
      : [sums] "=&w"(sums)
      : [rows] "m"(runs->rows), [length] "m"(runs->length), [channel_step] "m"(runs->channel_step),
        [row_gap] "m"(runs->row_gap), [rows_end] "m"(runs->rows_end), [first] "m"(weights->first),
        [third] "m"(weights->third), [bias] "m"(weights->bias)
      : CLOBBERS);
  return sums;
}
/* clang-format on */

#undef LINE
#undef CLOBBERS
#undef VALUES
#undef ADD_PRODUCTS
#undef TWO_CHANNELS
#undef TO_LANES

#endif
#endif
