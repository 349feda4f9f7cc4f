/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: the instructions of the DSP extension (Cortex-M4 and later) that sums of int8 products use.
 *
 * DQA_DSP is defined where there are any; DQA_PORTABLE leaves only the readable variants beside them, so that tests can
 * hold them against each other. Volatile keeps their order, in which the registers of a loop suffice; the compiler's
 * own would spill. */
#ifndef DQA_DSP_H
#define DQA_DSP_H

#include <stdint.h>
#include <string.h>

#if defined(__ARM_FEATURE_DSP) && !defined(DQA_PORTABLE)
#define DQA_DSP 1
#ifdef __OPTIMIZE__ /* asm that takes all registers, the frame pointer of unoptimized code too */
#ifdef __ARM_FEATURE_MVE
#define DQA_MVE 1 /* Cortex-M55, M85 */
#else
#define DQA_BLOCKS 1
#endif
#endif

/* Four values, at any alignment; `from` moves on to the next. */
static inline uint32_t dsp_take_4(const int8_t **from) {
  uint32_t four;
  __asm__ volatile("ldr %0, [%1], #4" : "=&r"(four), "+r"(*from) : "m"(*(const int8_t(*)[4]) * from));
  return four;
}

/* Four values, at any alignment. */
static inline uint32_t dsp_load_4(const int8_t *from) {
  uint32_t four;
  memcpy(&four, from, sizeof four);
  return four;
}

/* Values 0 and 2 of four as signed halves of a word; values 1 and 3. */
static inline uint32_t dsp_even(uint32_t four) {
  uint32_t two;
  __asm__ volatile("sxtb16 %0, %1" : "=r"(two) : "r"(four));
  return two;
}
static inline uint32_t dsp_odd(uint32_t four) {
  uint32_t two;
  __asm__ volatile("sxtb16 %0, %1, ror #8" : "=r"(two) : "r"(four));
  return two;
}

/* sum + the products of both halves. */
static inline int32_t dsp_add_products(int32_t sum, uint32_t a, uint32_t b) {
  __asm__ volatile("smlad %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(b));
  return sum;
}

/* sum + the product of the low halves; of the high halves. */
static inline int32_t dsp_add_low(int32_t sum, uint32_t a, uint32_t b) {
  __asm__ volatile("smlabb %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(b));
  return sum;
}
static inline int32_t dsp_add_high(int32_t sum, uint32_t a, uint32_t b) {
  __asm__ volatile("smlatt %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(b));
  return sum;
}

/* sum + the high word of a product. */
static inline int32_t dsp_add_high_product(int32_t sum, int32_t a, int32_t b) {
  int32_t high;
  __asm__("smmla %0, %1, %2, %3" : "=r"(high) : "r"(a), "r"(b), "r"(sum));
  return high;
}

/* To -128..127, to 0..127. */
static inline int32_t dsp_clamp_signed(int32_t value) {
  __asm__("ssat %0, #8, %0" : "+r"(value));
  return value;
}
static inline int32_t dsp_clamp_unsigned(int32_t value) {
  __asm__("usat %0, #7, %0" : "+r"(value));
  return value;
}

#endif
#endif
