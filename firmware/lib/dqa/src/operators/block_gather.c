/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: the windows of a block of output pixels, as pairs of 16 bits. */
#include "blocks.h"

#ifdef DQA_BLOCKS

/* Words of the same run of all pixels, `step` bytes from one to the next. */
static uint32_t *gather_3(uint32_t *to, const int8_t *from, uint32_t step, uint32_t words) {
  const int8_t *const end = from + 4 * words;
  while (from != end) {
    const uint32_t a = dsp_load_4(from), b = dsp_load_4(from + step), c = dsp_load_4(from + 2 * step);
    to[0] = dsp_even(a), to[1] = dsp_even(b), to[2] = dsp_even(c);
    to[3] = dsp_odd(a), to[4] = dsp_odd(b), to[5] = dsp_odd(c);
    from += 4, to += 6;
  }
  return to;
}

/* 18 and 22 instructions for a word of each pixel. */
#define GATHER_BEGIN "ldr r0, %[to]\n\tldr r1, %[from]\n\tldr r2, %[step]\n\tadd r3, r2, r2, lsl #1\n\t"
#define GATHER_END "ldr r4, %[end]\n\tcmp r1, r4\n\tbne 1b\n\tstr r0, %[to]"
#define GATHER_CLOBBERS                                                                                                \
  "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory"

static uint32_t *gather_4(uint32_t *to, const int8_t *from, uint32_t step, uint32_t words) {
  const int8_t *const end = from + 4 * words;
  __asm__ volatile(GATHER_BEGIN "1:\n\t"
                                "ldr r5, [r1, r2]\n\t"
                                "ldr r6, [r1, r2, lsl #1]\n\t"
                                "ldr r7, [r1, r3]\n\t"
                                "ldr r4, [r1], #4\n\t"
                                "sxtb16 r8, r4, ror #8\n\t"
                                "sxtb16 r9, r5, ror #8\n\t"
                                "sxtb16 r10, r6, ror #8\n\t"
                                "sxtb16 r11, r7, ror #8\n\t"
                                "sxtb16 r4, r4\n\t"
                                "sxtb16 r5, r5\n\t"
                                "sxtb16 r6, r6\n\t"
                                "sxtb16 r7, r7\n\t"
                                "stm r0!, {r4-r11}\n\t" GATHER_END
                   : [to] "+m"(to)
                   : [from] "m"(from), [step] "m"(step), [end] "m"(end)
                   : GATHER_CLOBBERS);
  return to;
}

static uint32_t *gather_5(uint32_t *to, const int8_t *from, uint32_t step, uint32_t words) {
  const int8_t *const end = from + 4 * words;
  __asm__ volatile(GATHER_BEGIN "1:\n\t"
                                "ldr r5, [r1, r2]\n\t"
                                "ldr r6, [r1, r2, lsl #1]\n\t"
                                "ldr r7, [r1, r3]\n\t"
                                "ldr r8, [r1, r2, lsl #2]\n\t"
                                "ldr r4, [r1], #4\n\t"
                                "sxtb16 r9, r4, ror #8\n\t"
                                "sxtb16 r10, r5, ror #8\n\t"
                                "sxtb16 r11, r6, ror #8\n\t"
                                "sxtb16 r12, r7, ror #8\n\t"
                                "sxtb16 lr, r8, ror #8\n\t"
                                "sxtb16 r4, r4\n\t"
                                "sxtb16 r5, r5\n\t"
                                "sxtb16 r6, r6\n\t"
                                "sxtb16 r7, r7\n\t"
                                "sxtb16 r8, r8\n\t"
                                "stm r0!, {r4-r12, lr}\n\t" GATHER_END
                   : [to] "+m"(to)
                   : [from] "m"(from), [step] "m"(step), [end] "m"(end)
                   : GATHER_CLOBBERS);
  return to;
}

static uint32_t *gather(uint32_t n, uint32_t *to, const int8_t *from, uint32_t step, uint32_t words) {
  if (words == 0) {
    return to;
  }
  return n == 3   ? gather_3(to, from, step, words)
         : n == 4 ? gather_4(to, from, step, words)
                  : gather_5(to, from, step, words);
}

/* Words of one pixel; without `from` zeros. n: pixels of the block. */
static uint32_t *spread(uint32_t n, uint32_t *to, const int8_t *from, uint32_t words) {
  if (from == NULL) {
    for (; words > 0; --words, to += 2 * n) {
      to[0] = to[n] = 0;
    }
    return to;
  }
  for (; words > 0; --words, to += 2 * n) {
    const uint32_t four = dsp_take_4(&from);
    to[0] = dsp_even(four);
    to[n] = dsp_odd(four);
  }
  return to;
}

/* The last `rest` < 4 of `count` >= 4 values of one pixel, then zeros. */
static void spread_rest(uint32_t n, uint32_t *to, const int8_t *from, uint32_t count, uint32_t rest) {
  const uint32_t four = dsp_load_4(from + count - 4) >> (32u - 8u * rest);
  to[0] = dsp_even(four);
  to[n] = dsp_odd(four);
}

/* What is copied of a kernel row at an output column: `columns` of the kernel, each or all `run` values. */
struct piece {
  struct dqa_range columns;
  const int8_t *row; /* NULL: outside of the input */
  int32_t at;        /* of the first column of the kernel, negative where it lies beside the row */
};

static struct piece piece_of(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t k, uint32_t x) {
  const bool there = k - taps->first < taps->count;
  struct piece piece = {{0, op->window.kernel_w},
                        there ? taps->rows[k - taps->first] : NULL,
                        (taps->left + (int32_t)(x * op->window.stride_w)) * op->input.channels};
  if (x < taps->whole.first || x >= taps->whole.end) {
    piece.columns = dqa_taps_columns(op, taps, x);
  }
  return piece;
}

/* A pixel whose columns are whole words. */
static void gather_pixel(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x, uint32_t *to) {
  const uint32_t n = op->block, words = op->input.channels / 4u, kernel_w = op->window.kernel_w;
  const uint32_t run = op->window.dilation_w > 1 ? 1 : kernel_w; /* columns without a gap */
  for (uint32_t k = 0; k < op->window.kernel_h; ++k) {
    const struct piece piece = piece_of(op, taps, k, x);
    const struct dqa_range in = piece.row != NULL ? piece.columns : (struct dqa_range){0, 0};
    to = spread(n, to, NULL, in.first * words);
    for (uint32_t i = in.first; i < in.end; i += run) {
      const int8_t *const from = piece.row + piece.at + (int32_t)(i * op->window.dilation_w * op->input.channels);
      to = spread(n, to, from, (run == 1 ? 1 : in.end - in.first) * words);
    }
    to = spread(n, to, NULL, (kernel_w - in.end) * words);
  }
}

static int8_t *append(int8_t *to, const int8_t *from, uint32_t count) {
  for (; count >= 4; count -= 4, to += 4) {
    const uint32_t four = dsp_take_4(&from);
    memcpy(to, &four, sizeof four);
  }
  for (; count > 0; --count) {
    *to++ = *from++;
  }
  return to;
}

static int8_t *append_zeros(int8_t *to, uint32_t count) {
  for (; count > 0; --count) {
    *to++ = 0;
  }
  return to;
}

/* Any other pixel: its bytes are put together first, in `bytes`. */
static void pack_pixel(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x, int8_t *bytes, uint32_t *to) {
  const uint32_t channels = op->input.channels, kernel_w = op->window.kernel_w;
  const bool dilated = op->window.dilation_w > 1;
  int8_t *next = bytes;
  for (uint32_t k = 0; k < op->window.kernel_h; ++k) {
    const struct piece piece = piece_of(op, taps, k, x);
    const struct dqa_range in = piece.row != NULL ? piece.columns : (struct dqa_range){0, 0};
    next = append_zeros(next, in.first * channels);
    const uint32_t run = dilated ? 1 : in.end - in.first;
    for (uint32_t i = in.first; i < in.end; i += run) {
      next = append(next, piece.row + piece.at + (int32_t)(i * op->window.dilation_w * channels), run * channels);
    }
    next = append_zeros(next, (kernel_w - in.end) * channels);
  }
  const uint32_t values = dqa_block_values(op);
  (void)append_zeros(next, values - (uint32_t)(next - bytes));
  (void)spread(op->block, to, bytes, values / 4u);
}

/* All pixels at once, which lie inside the rows; runs are whole words, or the only one ends with a part of one. */
static void gather_inside(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x, uint32_t *to) {
  const uint32_t n = op->block, run = (uint32_t)op->window.kernel_w * op->input.channels;
  const uint32_t step = (uint32_t)op->window.stride_w * op->input.channels;
  for (uint32_t k = 0; k < op->window.kernel_h; ++k) {
    const struct piece piece = piece_of(op, taps, k, x);
    if (piece.row == NULL) {
      memset(to, 0, 2 * n * run);
      to += n * run / 2;
      continue;
    }
    const int8_t *const from = piece.row + piece.at;
    to = gather(n, to, from, step, run / 4u);
    if (run % 4u > 0) {
      for (uint32_t i = 0; i < n; ++i) {
        spread_rest(n, to + i, from + i * step, run, run % 4u);
      }
    }
  }
}

void dqa_block_gather(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x, uint32_t *room) {
  const uint32_t n = op->block, run = (uint32_t)op->window.kernel_w * op->input.channels;
  const bool words = run % 4u == 0 || op->window.kernel_h == 1;
  if (words && op->window.dilation_w == 1 && x >= taps->whole.first && x + n <= taps->whole.end) {
    gather_inside(op, taps, x, room);
    return;
  }
  int8_t *const bytes = (int8_t *)(room + n * dqa_block_values(op) / 2u);
  for (uint32_t i = 0; i < n; ++i) {
    if (op->input.channels % 4u == 0) {
      gather_pixel(op, taps, x + i, room + i);
    } else {
      pack_pixel(op, taps, x + i, bytes, room + i);
    }
  }
}

#endif
