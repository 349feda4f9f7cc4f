/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: the input rows and columns under a kernel. */
#include "taps.h"
#include "scratch.h"

/* The output columns x for which left + x * stride >= 0 and left + x * stride + kernel <= width. */
static struct dqa_range whole_windows(const struct dqa_op *op, int32_t left, int32_t width) {
  const int32_t stride = op->window.stride_w, room = width - left - (int32_t)dqa_window_columns(&op->window);
  const uint32_t end = room < 0 ? 0 : (uint32_t)(room / stride) + 1u;
  struct dqa_range whole = {(uint32_t)((stride - 1 - left) / stride), end};
  whole.end = end < op->output.width ? end : op->output.width;
  whole.first = whole.first < whole.end ? whole.first : whole.end;
  return whole;
}

struct dqa_range dqa_taps_columns(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x) {
  const int32_t dilation = op->window.dilation_w, kernel = op->window.kernel_w;
  const int32_t start = taps->left + (int32_t)(x * op->window.stride_w); /* inside the rows, or left of them */
  const int32_t first = start < 0 ? (dilation - 1 - start) / dilation : 0;
  const int32_t end = (taps->width - start + dilation - 1) / dilation;
  const int32_t last = end < kernel ? end : kernel;
  const struct dqa_range range = {(uint32_t)(first < last ? first : last), (uint32_t)last};
  return range;
}

void dqa_taps_of(const struct dqa_op *op, uint32_t y, struct dqa_taps *taps) {
  const struct dqa_window *w = &op->window;
  const int32_t top = (int32_t)(y * w->stride_h) - w->pad_top;
  const struct dqa_source *const source = op->source;
  taps->left = (int32_t)(source->view.left_bytes / op->input.channels) - w->pad_left;
  taps->width = (int32_t)(source->view.row_bytes / op->input.channels);
  taps->whole = whole_windows(op, taps->left, taps->width);
  taps->first = taps->count = 0;
  for (uint32_t k = 0; k < w->kernel_h; ++k) {
    const int8_t *row = dqa_ring_row(&source->ring, top + (int32_t)(k * w->dilation_h));
    if (row != NULL) {
      taps->rows[taps->count++] = row;
    } else if (taps->count == 0) { /* rows outside come before or after those inside */
      taps->first = k + 1;
    }
  }
}
