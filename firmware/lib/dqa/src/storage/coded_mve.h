/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: what the rows of a coded map take, on MVE: eight channels at a time, some 17 instructions for their
 * values of a pixel. What coded_writer.c counts without it is the same. */
#ifndef DQA_CODED_MVE_H
#define DQA_CODED_MVE_H

#include "coded.h"

#if defined(__ARM_FEATURE_MVE) && !defined(DQA_PORTABLE)
#define DQA_CODED_MVE 1
#include <arm_mve.h>

enum { DQA_CODED_LANES = 8, DQA_CODED_MVE_WIDTH = 4096 }; /* sums of more values might leave 16 bits */

/* Adds the bits of the channels of each group, which drop as many as their group, to bits. symbols: of a magnitude its
 * symbol | the number of low bits << 4. */
static inline void dqa_coded_mve_bits(const struct dqa_coding *coding, const int8_t *values, const uint8_t *symbols,
                                      const uint8_t drops[DQA_MAX_GROUPS], bool signs, uint32_t bits[DQA_MAX_GROUPS]) {
  const uint32_t channels = coding->channels;
  const uint8_t *const lengths = coding->tables + DQA_CODED_LENGTHS;
  const int16_t zero_point = (int16_t)coding->zero_point;
  for (uint32_t c = 0; c < channels; c += DQA_CODED_LANES) {
    const mve_pred16_t inside = vctp16q(channels - c);
    const uint16x8_t group = vldrbq_z_u16(coding->groups + c, inside);
    const uint16x8_t drop = vldrbq_gather_offset_u16(drops, group);
    const int16x8_t right = vnegq_s16(vreinterpretq_s16_u16(drop));
    const uint16x8_t half = vshrq_n_u16(vsubq_n_u16(vshlq_u16(vdupq_n_u16(1), vreinterpretq_s16_u16(drop)), 1), 1);
    const uint16x8_t context = vshlq_n_u16(drop, 4);
    uint16x8_t sum = vdupq_n_u16(0), symbol = vdupq_n_u16(0);
    const int8_t *at = values + c;
    for (uint32_t x = coding->width; x > 0; --x, at += channels) {
      const uint16x8_t number = vldrbq_gather_offset_u16(coding->contexts, vaddq_u16(context, symbol));
      const int16x8_t distance = vsubq_n_s16(vldrbq_z_s16(at, inside), zero_point);
      const uint16x8_t size =
          vandq_u16(vreinterpretq_u16_s16(signs ? vabsq_s16(distance) : distance), vdupq_n_u16(255));
      const uint16x8_t entry = vldrbq_gather_offset_u16(symbols, vshlq_u16(vaddq_u16(size, half), right));
      symbol = vbicq_n_u16(entry, 0xF0);
      const uint16x8_t place = vaddq_u16(vmulq_n_u16(number, DQA_CODED_TABLE_BYTES), symbol);
      sum = vaddq_u16(sum, vldrbq_gather_offset_u16(lengths, place));
      sum = vaddq_u16(sum, vshrq_n_u16(signs ? vaddq_n_u16(entry, 15) : entry, 4));
    }
    for (uint32_t g = 0; g < coding->group_count; ++g) {
      bits[g] = vaddvaq_p_u16(bits[g], sum, vcmpeqq_m_n_u16(group, (uint16_t)g, inside));
    }
  }
}
#endif
#endif
