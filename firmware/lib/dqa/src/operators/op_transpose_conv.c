/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: TRANSPOSE_CONV, i8 weights[O][kernel_h][kernel_w][I]. Every input pixel adds its products with the kernel to the
 * output pixels under it; pixel i of an axis lies under the kernel from output pixel i * stride - pad on. So output
 * pixel y sums weight k * (value i - zero point) wherever y + pad = i * stride + k.
 *
 * The kernel rows of an output row are every stride_h-th, and their input rows follow each other; the same holds for
 * columns. Two output channels at a time, and two output pixels stride_w apart where they see the same columns of the
 * kernel. Zero points other than 0 are summed by themselves, from the row of padding, and taken away. */
#include "operator.h"
#include "products.h"
#include "requantize.h"
#include "weights.h"

enum { WEIGHTS = DQA_WINDOW_BYTES };

/* The elements of the kernel that reach an output pixel along an axis: kernel, kernel + stride, ...; that of input
 * pixel `input`, of the one before, ... */
struct reach {
  uint32_t kernel, input, count;
};

static struct reach reach_of(uint32_t extent, uint32_t stride, uint32_t size, uint32_t at) {
  struct reach reach = {0, at / stride < size ? at / stride : size - 1u, 0};
  reach.kernel = at - reach.input * stride;
  if (reach.kernel < extent) {
    const uint32_t most = (extent - 1u - reach.kernel) / stride;
    reach.count = (most < reach.input ? most : reach.input) + 1u;
  }
  return reach;
}

/* What the pixels of an output row share. */
struct kernel {
  const int8_t *rows[DQA_MAX_KERNEL_ROWS]; /* of the input */
  const int8_t *padding;                   /* a row of zero points, or NULL: they are 0 */
  uint32_t row_count, stride;
  uint32_t channels; /* of the input */
  uint32_t row_step; /* weights from one row of `rows` to the next */
};

/* Adds the products of two output channels at one pixel, or with `pair` at two that follow each other in the input:
 * sums as dqa_products_2x2 has them. w0, w1: of the first row of the kernel. */
static void sum_pixels(const struct kernel *kernel, const struct reach *reach, const int8_t *w0, const int8_t *w1,
                       bool pair, int32_t sums[4]) {
  const struct dqa_runs runs = {kernel->rows, kernel->row_count, kernel->channels, kernel->row_step};
  for (uint32_t i = 0; i < reach->count; ++i) {
    const uint32_t weight = (reach->kernel + i * kernel->stride) * kernel->channels;
    const int32_t at = (int32_t)((reach->input - i) * kernel->channels);
    if (pair) {
      dqa_products_2x2(&runs, w0 + weight, w1 + weight, at, at + (int32_t)kernel->channels, sums);
    } else {
      int32_t alone[2] = {0, 0};
      dqa_products_2x1(&runs, w0 + weight, w1 + weight, at, alone);
      sums[0] += alone[0], sums[2] += alone[1];
    }
  }
}

/* Takes away what the zero points add to these sums. */
static void take_zero_points(const struct kernel *kernel, const struct reach *reach, const int8_t *w0, const int8_t *w1,
                             int32_t sums[4]) {
  const struct dqa_runs run = {&kernel->padding, 1, kernel->channels, 0};
  int32_t zeros[2] = {0, 0};
  for (uint32_t k = 0; k < kernel->row_count; ++k, w0 += kernel->row_step, w1 += kernel->row_step) {
    for (uint32_t i = 0; i < reach->count; ++i) {
      const uint32_t weight = (reach->kernel + i * kernel->stride) * kernel->channels;
      dqa_products_2x1(&run, w0 + weight, w1 + weight, 0, zeros);
    }
  }
  sums[0] -= zeros[0], sums[1] -= zeros[0];
  sums[2] -= zeros[1], sums[3] -= zeros[1];
}

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  const struct dqa_window *const w = &op->window;
  const uint32_t channels = op->output.channels, width = op->output.width, step = w->stride_w;
  const struct reach rows = reach_of(w->kernel_h, w->stride_h, op->input.height, y + w->pad_top);
  struct kernel kernel = {.row_count = rows.count, .stride = step, .channels = op->input.channels};
  struct dqa_weights weights;
  struct dqa_ring ring;
  (void)acc;
  dqa_ring_of(op, 0, &ring);
  for (uint32_t k = 0; k < rows.count; ++k) {
    kernel.rows[k] = dqa_ring_slot(&ring, rows.input - k);
  }
  kernel.padding = ring.padding;
  kernel.row_step = (uint32_t)w->stride_h * w->kernel_w * kernel.channels;
  const uint32_t length = (uint32_t)w->kernel_h * w->kernel_w * kernel.channels;
  const uint32_t first = rows.count > 0 ? rows.kernel * w->kernel_w * kernel.channels : 0;
  dqa_weights_of(op, WEIGHTS, length, &weights);
  int8_t *const room = weights.books != NULL ? dqa_room_of(op) : NULL;
  for (uint32_t o0 = 0; o0 < channels; o0 += 2) {
    const uint32_t o1 = o0 + 1 < channels ? o0 + 1 : o0;
    const int8_t *const w0 = dqa_weights_at(&weights, o0, first, length - first, room);
    const int8_t *const w1 =
        o1 == o0 ? w0 : dqa_weights_at(&weights, o1, first, length - first, room == NULL ? NULL : room + length);
    struct dqa_channel c0, c1;
    dqa_channel_at(op, o0, &c0);
    dqa_channel_at(op, o1, &c1);
    for (uint32_t begin = 0; begin < step && begin < width; ++begin) {
      for (uint32_t x = begin; x < width; x += step) {
        const struct reach here = reach_of(w->kernel_w, step, op->input.width, x + w->pad_left);
        bool pair = x + step < width;
        if (pair) {
          const struct reach next = reach_of(w->kernel_w, step, op->input.width, x + step + w->pad_left);
          pair = next.input == here.input + 1u && next.count == here.count;
        }
        int32_t sums[4] = {c0.bias, c0.bias, c1.bias, c1.bias};
        sum_pixels(&kernel, &here, w0, w1, pair, sums);
        if (kernel.padding != NULL) {
          take_zero_points(&kernel, &here, w0, w1, sums);
        }
        int8_t *const pixel = out + x * channels;
        if (pair) {
          dqa_finish_pixels(&c0, sums[0], sums[1], pixel + o0, step * channels);
          dqa_finish_pixels(&c1, sums[2], sums[3], pixel + o1, step * channels);
          x += step;
        } else {
          pixel[o0] = dqa_finish(&c0, sums[0]);
          pixel[o1] = dqa_finish(&c1, sums[2]);
        }
      }
    }
  }
}

static struct dqa_span span(const struct dqa_op *op, uint32_t input, uint32_t y) {
  const uint32_t at = y + op->window.pad_top, stride = op->window.stride_h, height = op->input.height;
  const uint32_t begin = at < op->window.kernel_h ? 0 : (at - op->window.kernel_h) / stride + 1u;
  const uint32_t first = begin < height ? begin : height;
  const uint32_t end = at / stride + 1u < height ? at / stride + 1u : height;
  const struct dqa_span rows = {(int32_t)first, end - first};
  (void)input;
  return rows;
}

static uint32_t ring_rows(const struct dqa_op *op) {
  return (op->window.kernel_h + op->window.stride_h - 1u) / op->window.stride_h;
}

static bool check(const struct dqa_op *op) {
  const uint32_t pixels = (uint32_t)op->window.kernel_h * op->window.kernel_w;
  if (op->window.dilation_h != 1 || op->window.dilation_w != 1 || pixels > DQA_MAX_PRODUCTS / 2 / op->input.channels) {
    return false;
  }
  const uint32_t kernel = pixels * op->input.channels;
  return dqa_weights_valid(op, WEIGHTS, kernel) && dqa_biases_fit(op, 2 * kernel * DQA_PRODUCT);
}

const struct dqa_operator dqa_op_transpose_conv = {.parameter_bytes = DQA_WINDOW_BYTES + 4 + DQA_REQUANTIZATION_BYTES,
                                                   .min_inputs = 1,
                                                   .max_inputs = 1,
                                                   .traits = DQA_WINDOW | DQA_TRANSPOSED | DQA_REQUANTIZES |
                                                             DQA_CODED_WEIGHTS | DQA_DECODES_AHEAD,
                                                   .check = check,
                                                   .span = span,
                                                   .ring_rows = ring_rows,
                                                   .row = row};
