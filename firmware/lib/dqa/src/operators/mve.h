/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: vectors of the Helium extension (MVE; Cortex-M55, M85), which the kernels of mve_*.c share.
 *
 * Loads and stores are of bytes throughout: programs and rows lie at any alignment. */
#ifndef DQA_MVE_H
#define DQA_MVE_H

#include "requantize.h"

#ifdef DQA_MVE
#include <arm_mve.h>

enum { DQA_MVE_CHANNELS = 4 }; /* output channels in a vector of sums */

/* Four i32 of a table; four values; four u8 of a table as negative numbers, shifts to the right. */
static inline int32x4_t mve_words(const uint8_t *from) { return vreinterpretq_s32_u8(vldrbq_u8(from)); }
static inline int32x4_t mve_values(const int8_t *from) { return vldrbq_s32(from); }
static inline int32x4_t mve_shifts(const uint8_t *from) { return vnegq_s32(vreinterpretq_s32_u32(vldrbq_u32(from))); }

/* What finishes the sums of four output channels. */
struct mve_ends {
  int32x4_t multiplier, shift, zero_point, low, high;
};
static inline struct mve_ends mve_ends_of(const struct dqa_op *op, uint32_t channel) {
  const struct dqa_edge *const output = &op->output;
  const struct mve_ends ends = {mve_words(op->multiplier + 4 * channel), mve_shifts(op->shift + channel),
                                output->zero_points != NULL ? mve_values((const int8_t *)output->zero_points + channel)
                                                            : vdupq_n_s32(output->zero_point),
                                vdupq_n_s32(output->low), vdupq_n_s32(output->high)};
  return ends;
}

/* As dqa_finish; VRSHL adds half of a step before it shifts. */
static inline int32x4_t mve_finish(int32x4_t sums, const struct mve_ends *ends) {
  const int32x4_t value = vrshlq_s32(vmulhq_s32(sums, ends->multiplier), ends->shift);
  return vminq_s32(vmaxq_s32(vaddq_s32(value, ends->zero_point), ends->low), ends->high);
}

#endif
#endif
