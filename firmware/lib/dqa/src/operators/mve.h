/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: vectors of four output channels on MVE (Cortex-M55, M85). Tables are read as bytes: a program may lie at
 * any alignment. */
#ifndef DQA_MVE_H
#define DQA_MVE_H

#include "requantize.h"

#ifdef DQA_MVE
#include <arm_mve.h>

/* Four i32 of a table. */
static inline int32x4_t mve_words(const uint8_t *from) { return vreinterpretq_s32_u8(vldrbq_u8(from)); }

/* What finishes the sums of four output channels; the output has one zero point. */
struct mve_ends {
  int32x4_t multiplier, shift, low, high;
  int32_t zero_point;
};
static inline struct mve_ends mve_ends_of(const struct dqa_op *op, uint32_t channel) {
  const struct mve_ends ends = {mve_words(op->multiplier + 4 * channel),
                                vnegq_s32(vreinterpretq_s32_u32(vldrbq_u32(op->shift + channel))),
                                vdupq_n_s32(op->output.low), vdupq_n_s32(op->output.high), op->output.zero_point};
  return ends;
}

/* As dqa_finish: VRSHL adds half of a step before it shifts. */
static inline void mve_finish(int32x4_t sums, const struct mve_ends *ends, int8_t *out) {
  const int32x4_t value = vrshlq_s32(vmulhq_s32(sums, ends->multiplier), ends->shift);
  vstrbq_s32(out, vminq_s32(vmaxq_s32(vaddq_n_s32(value, ends->zero_point), ends->low), ends->high));
}

#endif
#endif
