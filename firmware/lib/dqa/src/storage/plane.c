/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: the code plane of a row (docs/format.md, section 2, "Code plane").
 *
 * The bits of a code are split into sub-planes of 8, 4, 2 and 1 bit, those of them that the width is the sum of, the
 * highest bits in the widest. A word of a sub-plane of w bits holds value i at bit (i & 1) * 16 + (i >> 1) * w:
 * neighbours lie 16 bits apart, so one shift and one mask give a pair of them. Cost: about 2.5 instructions per value
 * and sub-plane each way on Armv7E-M. */
#include "plane.h"

static uint32_t sub_plane_words(uint32_t values, uint32_t width) { return (values * width + 31u) / 32u; }

uint32_t dqa_plane_bytes(uint32_t values, uint32_t code_bits) {
  uint32_t words = 0;
  for (uint32_t width = 8; width > 0; width >>= 1) {
    if (code_bits & width) {
      words += sub_plane_words(values, width);
    }
  }
  return 4 * words;
}

/* value = (first ? low : value) + (field << shift), for the first `count` fields of a word. */
static inline void unpack_word(uint32_t word, uint32_t width, uint32_t shift, uint32_t count, bool first, int32_t low,
                               int8_t *values) {
  const uint32_t mask = 0x00010001u * ((1u << width) - 1u);
  for (uint32_t i = 0; i < count; i += 2, word >>= width) {
    const uint32_t pair = (word & mask) << shift;
    values[i] = (int8_t)((first ? low : values[i]) + (int32_t)(pair & 0xFFFFu));
    if (i + 1 < count) {
      values[i + 1] = (int8_t)((first ? low : values[i + 1]) + (int32_t)(pair >> 16));
    }
  }
}

static inline void unpack_sub_plane(const uint8_t *plane, uint32_t width, uint32_t shift, uint32_t count, bool first,
                                    int32_t low, int8_t *values) {
  const uint32_t per_word = 32u / width;
  for (; count >= per_word; count -= per_word, values += per_word, plane += 4) {
    unpack_word(dqa_u32(plane), width, shift, per_word, first, low, values);
  }
  if (count > 0) {
    unpack_word(dqa_u32(plane), width, shift, count, first, low, values);
  }
}

void dqa_plane_unpack(const uint8_t *plane, uint32_t count, uint32_t code_bits, uint32_t extra_bits, int32_t low,
                      int8_t *values) {
  uint32_t shift = code_bits + extra_bits; /* of the lowest bit of the sub-plane in the value */
  if (code_bits == 8) {                    /* constant widths let the compiler unroll a word */
    unpack_sub_plane(plane, 8, 0, count, true, low, values);
  }
  if (code_bits & 4) {
    shift -= 4;
    unpack_sub_plane(plane, 4, shift, count, true, low, values);
    plane += 4 * sub_plane_words(count, 4);
  }
  if (code_bits & 2) {
    shift -= 2;
    if (code_bits & 4) {
      unpack_sub_plane(plane, 2, shift, count, false, low, values);
    } else {
      unpack_sub_plane(plane, 2, shift, count, true, low, values);
    }
    plane += 4 * sub_plane_words(count, 2);
  }
  if (code_bits & 1) {
    shift -= 1;
    if (code_bits & 6) {
      unpack_sub_plane(plane, 1, shift, count, false, low, values);
    } else {
      unpack_sub_plane(plane, 1, shift, count, true, low, values);
    }
  }
}

static inline uint32_t pack_word(const uint8_t *codes, uint32_t width, uint32_t shift, uint32_t count) {
  const uint32_t mask = (1u << width) - 1u;
  uint32_t word = 0;
  for (uint32_t i = 0; i < count; ++i) {
    word |= ((uint32_t)(codes[i] >> shift) & mask) << ((i & 1u) * 16u + (i >> 1) * width);
  }
  return word;
}

static inline void pack_sub_plane(const uint8_t *codes, uint32_t width, uint32_t shift, uint32_t count,
                                  uint8_t *plane) {
  const uint32_t per_word = 32u / width;
  for (; count >= per_word; count -= per_word, codes += per_word, plane += 4) {
    dqa_put_u32(plane, pack_word(codes, width, shift, per_word));
  }
  if (count > 0) {
    dqa_put_u32(plane, pack_word(codes, width, shift, count));
  }
}

void dqa_plane_pack(const uint8_t *codes, uint32_t count, uint32_t code_bits, uint8_t *plane) {
  if (code_bits == 8) {
    pack_sub_plane(codes, 8, 0, count, plane);
  }
  if (code_bits & 4) {
    pack_sub_plane(codes, 4, code_bits & 3u, count, plane);
    plane += 4 * sub_plane_words(count, 4);
  }
  if (code_bits & 2) {
    pack_sub_plane(codes, 2, code_bits & 1u, count, plane);
    plane += 4 * sub_plane_words(count, 2);
  }
  if (code_bits & 1) {
    pack_sub_plane(codes, 1, 0, count, plane);
  }
}
