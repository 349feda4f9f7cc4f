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

/* 29 instructions for a word of each column. */
static uint32_t *gather_columns(uint32_t *to, const int8_t *from, uint32_t step, uint32_t words) {
  const int8_t *const end = from + 4 * words;
  __asm__ volatile(GATHER_BEGIN "add r12, r2, r2, lsl #2\n"
                                "1:\n\t"
                                "ldr r5, [r1, r2]\n\t"
                                "ldr r6, [r1, r2, lsl #1]\n\t"
                                "ldr r7, [r1, r3]\n\t"
                                "ldr r8, [r1, r2, lsl #2]\n\t"
                                "ldr r9, [r1, r12]\n\t"
                                "ldr r4, [r1], #4\n\t"
                                "sxtb16 r10, r4, ror #8\n\t"
                                "sxtb16 r11, r5, ror #8\n\t"
                                "sxtb16 lr, r6, ror #8\n\t"
                                "str r10, [r0, #24]\n\t"
                                "str r11, [r0, #28]\n\t"
                                "str lr, [r0, #32]\n\t"
                                "sxtb16 r10, r7, ror #8\n\t"
                                "sxtb16 r11, r8, ror #8\n\t"
                                "sxtb16 lr, r9, ror #8\n\t"
                                "str r10, [r0, #36]\n\t"
                                "str r11, [r0, #40]\n\t"
                                "str lr, [r0, #44]\n\t"
                                "sxtb16 r4, r4\n\t"
                                "sxtb16 r5, r5\n\t"
                                "sxtb16 r6, r6\n\t"
                                "sxtb16 r7, r7\n\t"
                                "sxtb16 r8, r8\n\t"
                                "sxtb16 r9, r9\n\t"
                                "stm r0!, {r4-r9}\n\t"
                                "add r0, r0, #24\n\t" GATHER_END
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
  for (uint32_t *odd = to + n; words > 0; --words, to += 2 * n, odd += 2 * n) {
    const uint32_t four = dsp_take_4(&from);
    *to = dsp_even(four);
    *odd = dsp_odd(four);
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

/* Any other pixel at a border: its bytes are put together first. */
static void pack_pixel(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x, int8_t *bytes, uint32_t *to) {
  const uint32_t channels = op->input.channels, run = dqa_block_run(op), values = dqa_align(dqa_block_values(op));
  const bool dilated = op->window.dilation_w > 1;
  memset(bytes, 0, values);
  for (uint32_t k = 0; k < op->window.kernel_h; ++k) {
    const struct piece piece = piece_of(op, taps, k, x);
    const struct dqa_range in = piece.row != NULL ? piece.columns : (struct dqa_range){0, 0};
    const uint32_t columns = dilated ? 1 : in.end - in.first;
    for (uint32_t i = in.first; i < in.end; i += columns) {
      memcpy(bytes + k * run + i * channels, piece.row + piece.at + (int32_t)(i * op->window.dilation_w * channels),
             columns * channels);
    }
  }
  (void)spread(op->block, to, bytes, values / 4u);
}

/* Copies a run of at least 4 values; the last word overlaps the one before it. */
static inline void copy_run(int8_t *to, const int8_t *from, uint32_t run) {
  int8_t *const last = to + run - 4;
  const uint32_t end = dsp_load_4(from + run - 4);
  for (; to < last; to += 4) {
    const uint32_t four = dsp_take_4(&from);
    memcpy(to, &four, sizeof four);
  }
  memcpy(last, &end, sizeof end);
}

/* All pixels, which lie inside the rows, one after the other: rows of a window end with a part of a word. */
static void pack_inside(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x, int8_t *bytes, uint32_t *to) {
  const uint32_t n = op->block, run = dqa_block_run(op), values = dqa_align(dqa_block_values(op));
  const uint32_t step = (uint32_t)op->window.stride_w * op->input.channels;
  int32_t at = (taps->left + (int32_t)(x * op->window.stride_w)) * op->input.channels;
  int8_t *const first = bytes + taps->first * run;
  memset(bytes, 0, values);
  for (uint32_t i = 0; i < n; ++i, at += (int32_t)step) {
    int8_t *next = first;
    for (uint32_t k = 0; k < taps->count; ++k, next += run) {
      copy_run(next, taps->rows[k] + at, run);
    }
    (void)spread(n, to + i, bytes, values / 4u);
  }
}

/* All pixels at once, which lie inside the rows: rows of a window are whole words, or there is only one. */
static void gather_inside(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x, uint32_t *to) {
  const uint32_t n = op->block, run = dqa_block_run(op), words = run / 4u, rest = run % 4u;
  const uint32_t step = (uint32_t)op->window.stride_w * op->input.channels;
  for (uint32_t k = 0; k < op->window.kernel_h; ++k) {
    const struct piece piece = piece_of(op, taps, k, x);
    if (piece.row == NULL) {
      memset(to, 0, 2 * n * run);
      to += n * run / 2;
      continue;
    }
    const int8_t *const from = piece.row + piece.at;
    to = gather(n, to, from, step, words);
    for (uint32_t i = 0; rest > 0 && i < n; ++i) {
      spread_rest(n, to + i, from + i * step, run, rest);
    }
  }
}

void dqa_block_gather(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x, uint32_t *room) {
  const uint32_t n = op->block;
  int8_t *const bytes = (int8_t *)room + 2 * n * dqa_align(dqa_block_values(op));
  if (op->window.dilation_w == 1 && x >= taps->whole.first && x + n <= taps->whole.end) {
    if (dqa_block_run(op) % 4u == 0 || op->window.kernel_h == 1) {
      gather_inside(op, taps, x, room);
    } else {
      pack_inside(op, taps, x, bytes, room);
    }
    return;
  }
  for (uint32_t i = 0; i < n; ++i) {
    if (op->input.channels % 4u == 0) {
      gather_pixel(op, taps, x + i, room + i);
    } else {
      pack_pixel(op, taps, x + i, bytes, room + i);
    }
  }
}

void dqa_block_gather_shared(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x, uint32_t *room) {
  const uint32_t channels = op->input.channels, words = channels / 4u, row = 2 * DQA_SHARED_COLUMNS * words;
  const int32_t first = taps->left + (int32_t)x;
  for (uint32_t k = 0; k < op->window.kernel_h; ++k, room += row) {
    const bool there = k - taps->first < taps->count;
    const int8_t *const values = there ? taps->rows[k - taps->first] : NULL;
    if (there && first >= 0 && first + DQA_SHARED_COLUMNS <= taps->width) {
      (void)gather_columns(room, values + first * (int32_t)channels, channels, words);
      continue;
    }
    for (int32_t i = 0; i < DQA_SHARED_COLUMNS; ++i) {
      const bool inside = there && first + i >= 0 && first + i < taps->width;
      (void)spread(DQA_SHARED_COLUMNS, room + i, inside ? values + (first + i) * (int32_t)channels : NULL, words);
    }
  }
}

#endif
