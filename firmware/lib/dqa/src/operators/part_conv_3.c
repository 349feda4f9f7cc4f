/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: rows of CONV_2D in blocks of 3 pixels, each of which has its window: 11 instructions for 12 products. */
#include "block_row.h"

#ifdef DQA_BLOCKS

/* Words of the same run of all pixels, `step` bytes from one to the next. */
static uint32_t *copy(uint32_t *to, const int8_t *from, uint32_t step, uint32_t words) {
  const int8_t *const end = from + 4 * words;
  while (from != end) {
    const uint32_t a = dsp_load_4(from), b = dsp_load_4(from + step), c = dsp_load_4(from + 2 * step);
    to[0] = dsp_even(a), to[1] = dsp_even(b), to[2] = dsp_even(c);
    to[3] = dsp_odd(a), to[4] = dsp_odd(b), to[5] = dsp_odd(c);
    from += 4, to += 6;
  }
  return to;
}

/* clang-format off */
#define PAIRS_3(w) LINE("ldm.w r0!, {r7-r9}") ADD("r2", "r7", w) ADD("r3", "r8", w) ADD("r4", "r9", w)
BLOCK_OF(write, 3, WHOLE_WORDS(PAIRS_3) REST(PAIRS_3))
/* clang-format on */
enum { WORD_BYTES = 11 * 4 };

static void gather(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x, uint32_t *room) {
  dqa_block_gather(op, taps, x, room, copy);
}

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  (void)acc;
  dqa_window_row(op, y, WORD_BYTES, out, gather, write);
}

const struct dqa_operator dqa_part_conv_3 = {.row = row};

#else
const struct dqa_operator dqa_part_conv_3 = {.row = NULL};
#endif
