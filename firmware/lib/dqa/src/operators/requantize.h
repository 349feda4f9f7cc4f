/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: the one requantization, as operators apply it to a channel; sums that cannot overflow. */
#ifndef DQA_REQUANTIZE_H
#define DQA_REQUANTIZE_H

#include "dsp.h"
#include "operator.h"

/* What an operator needs to finish one output channel. */
struct dqa_channel {
  int32_t bias, multiplier;
  int32_t rounding; /* half of a step before the shift */
  uint32_t shift;
  int32_t zero_point, low, high; /* of the output */
};

void dqa_channel_at(const struct dqa_op *op, uint32_t channel, struct dqa_channel *out);

/* floor((acc * multiplier + 2^(31 + shift)) / 2^(32 + shift)), rounding = 2^(shift - 1): the low word of the product
 * cannot carry into the rounding, so the high word is enough; a single SMMUL on Armv7E-M. */
static inline int32_t dqa_scale(int32_t acc, int32_t multiplier, int32_t rounding, uint32_t shift) {
  const int32_t high = (int32_t)(((int64_t)acc * multiplier) >> 32); /* |high| <= 2^30, so the sum stays below 2^31 */
  return (high + rounding) >> shift;
}

/* Up to this shift a zero point may be added before it: |high| <= 2^30, 128 << 22 = 2^29. */
enum { DQA_FOLDED_SHIFT = 22 };

/* Whether that is so for all channels, which share a zero point. */
bool dqa_zero_point_folds(const struct dqa_op *op);

/* Requantizes a sum that includes the bias, adds the zero point and clamps. */
static inline int8_t dqa_finish(const struct dqa_channel *c, int32_t acc) {
  int32_t value = dqa_scale(acc, c->multiplier, c->rounding, c->shift) + c->zero_point;
  value = value < c->low ? c->low : value;
  value = value > c->high ? c->high : value;
  return (int8_t)value;
}

/* The same for a channel of two pixels `step` apart: out[0] and out[step]. */
void dqa_finish_pixels(const struct dqa_channel *c, int32_t acc0, int32_t acc1, int8_t *out, uint32_t step);

#ifdef DQA_BLOCKS
/* Clamps values of a block to the range of the edge, where that is not -128..127 or 0..127, to which the asm clamped.
 */
void dqa_clamp_block(const struct dqa_edge *edge, int8_t *values, uint32_t count);
#endif

/* 1 / count in units of 2^-15, rounded. */
static inline int32_t dqa_reciprocal(uint32_t count) { return (int32_t)((32768u + count / 2u) / count); }

/* a + b modulo 2^32: for sums kept in the arena, over which another buffer lies in a wrong layout. */
static inline int32_t dqa_add_modulo(int32_t a, int32_t b) { return (int32_t)((uint32_t)a + (uint32_t)b); }

/* The largest sums without the bias: 2^23 over a pool of at most 2^15 elements; of products, 2^14 for each. */
#define DQA_POOL_SUM (1u << 23)
#define DQA_PRODUCT (1u << 14)
#define DQA_MAX_PRODUCTS ((1u << 17) - 1u) /* per output: their sum stays below 2^31 */

/* Whether no bias lets a sum of at most `largest` leave int32. */
bool dqa_biases_fit(const struct dqa_op *op, uint32_t largest);

#endif
