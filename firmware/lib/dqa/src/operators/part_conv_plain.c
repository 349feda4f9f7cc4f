/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: rows of CONV_2D without a block.
 *
 * Two output channels and two output pixels at a time: four products for two weights and two values loaded, 1.5
 * instructions per product on Armv7E-M. An odd last channel is computed twice, an odd last pixel alone. At the borders
 * of a row without padding, two pixels share the kernel's columns that both have inside, and each adds those it alone
 * has. */
#include "blocks.h"
#include "products.h"
#include "requantize.h"
#include "weights.h"

/* What the pixels of an output row share. */
struct kernel {
  struct dqa_taps taps;
  uint32_t channels;    /* of the input */
  uint32_t row_weights; /* in a row of the kernel */
  int32_t column_step;  /* values from one column of the kernel to the next */
  bool dilated;         /* columns of the kernel are not neighbours in the rows */
};

/* Adds the products in some columns of the kernel to sums: channel 0 at pixels 0 and 1, channel 1 at pixels 0 and 1;
 * without `pair` those of channels 0 and 1 at pixel 0. at0, at1: values before the pixel's window in a row, negative
 * where it begins beside it. */
static void sum_columns(const struct kernel *kernel, struct dqa_range columns, const int8_t *w0, const int8_t *w1,
                        int32_t at0, int32_t at1, bool pair, int32_t *sums) {
  const uint32_t run = kernel->dilated ? 1u : columns.end - columns.first; /* columns without a gap */
  const struct dqa_runs runs = {kernel->taps.rows, kernel->taps.count, run * kernel->channels, kernel->row_weights};
  for (uint32_t i = columns.first; i < columns.end; i += run) {
    const int32_t value = (int32_t)i * kernel->column_step;
    const uint32_t weight = i * kernel->channels;
    if (pair) {
      dqa_products_2x2(&runs, w0 + weight, w1 + weight, at0 + value, at1 + value, sums);
    } else {
      dqa_products_2x1(&runs, w0 + weight, w1 + weight, at0 + value, sums);
    }
  }
}

/* One pixel at the columns first .. end - 1: sums[0] of channel 0, sums[1] of channel 1. */
static void sum_alone(const struct kernel *kernel, uint32_t first, uint32_t end, const int8_t *w0, const int8_t *w1,
                      int32_t at, int32_t sums[2]) {
  const struct dqa_range columns = {first, end};
  sum_columns(kernel, columns, w0, w1, at, at, false, sums);
}

/* Two neighbours at x and x + 1, of which one or both windows lie partly beside the rows: pixel 0 has as many columns
 * or more beside them on the left, pixel 1 on the right. */
static void sum_border(const struct dqa_op *op, const struct kernel *kernel, uint32_t x, const int8_t *w0,
                       const int8_t *w1, int32_t at0, int32_t at1, int32_t sums[4]) {
  const struct dqa_range in0 = dqa_taps_columns(op, &kernel->taps, x);
  const struct dqa_range in1 = dqa_taps_columns(op, &kernel->taps, x + 1);
  const struct dqa_range both = {in0.first, in1.end};
  int32_t alone0[2] = {0, 0}, alone1[2] = {0, 0};
  sum_columns(kernel, both, w0, w1, at0, at1, true, sums);
  sum_alone(kernel, in0.first < in1.end ? in1.end : in0.first, in0.end, w0, w1, at0, alone0);
  sum_alone(kernel, in1.first, in0.first < in1.end ? in0.first : in1.end, w0, w1, at1, alone1);
  sums[0] += alone0[0], sums[1] += alone1[0];
  sums[2] += alone0[1], sums[3] += alone1[1];
}

void dqa_conv_plain_row(const struct dqa_op *op, uint32_t y, int8_t *out) {
  const uint32_t channels = op->output.channels, width = op->output.width;
  const int32_t pixel_step = op->window.stride_w * op->input.channels;
  struct dqa_weights weights;
  struct kernel kernel;
  dqa_taps_of(op, y, &kernel.taps);
  kernel.channels = op->input.channels;
  kernel.row_weights = op->window.kernel_w * kernel.channels;
  kernel.column_step = op->window.dilation_w * op->input.channels;
  kernel.dilated = op->window.dilation_w > 1;
  const struct dqa_runs whole = {kernel.taps.rows, kernel.taps.count, kernel.row_weights, kernel.row_weights};
  const struct dqa_range inside = kernel.dilated ? (struct dqa_range){0, 0} : kernel.taps.whole;
  const uint32_t length = op->window.kernel_h * kernel.row_weights;
  const uint32_t first = kernel.taps.first * kernel.row_weights, count = kernel.taps.count * kernel.row_weights;
  dqa_weights_of(op, DQA_CONV_WEIGHTS, length, &weights);
  int8_t *const room0 = weights.books != NULL ? dqa_room_of(op) : NULL;
  int8_t *const room1 = room0 != NULL ? room0 + length : NULL;
  for (uint32_t o0 = 0; o0 < channels; o0 += 2) {
    const uint32_t o1 = o0 + 1 < channels ? o0 + 1 : o0;
    const int8_t *w0 = dqa_kernel_weights_at(&weights, o0, first, count, room0);
    const int8_t *w1 = o1 == o0 ? w0 : dqa_kernel_weights_at(&weights, o1, first, count, room1);
    struct dqa_channel c0, c1;
    dqa_channel_at(op, o0, &c0);
    dqa_channel_at(op, o1, &c1);
    int8_t *pixel = out;
    int32_t at = kernel.taps.left * op->input.channels;
    uint32_t x = 0;
    for (; x + 1 < width; x += 2, at += 2 * pixel_step, pixel += 2 * channels) {
      int32_t sums[4] = {c0.bias, c0.bias, c1.bias, c1.bias};
      if (x >= inside.first && x + 1 < inside.end) {
        dqa_products_2x2(&whole, w0, w1, at, at + pixel_step, sums);
      } else {
        sum_border(op, &kernel, x, w0, w1, at, at + pixel_step, sums);
      }
      dqa_finish_pixels(&c0, sums[0], sums[1], pixel + o0, channels);
      dqa_finish_pixels(&c1, sums[2], sums[3], pixel + o1, channels);
    }
    if (x < width) {
      const struct dqa_range in = dqa_taps_columns(op, &kernel.taps, x);
      int32_t sums[2] = {c0.bias, c1.bias};
      sum_alone(&kernel, in.first, in.end, w0, w1, at, sums);
      pixel[o0] = dqa_finish(&c0, sums[0]);
      pixel[o1] = dqa_finish(&c1, sums[1]);
    }
  }
}

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  (void)acc;
  dqa_conv_plain_row(op, y, out);
}

const struct dqa_operator dqa_part_conv_plain = {.row = row};
