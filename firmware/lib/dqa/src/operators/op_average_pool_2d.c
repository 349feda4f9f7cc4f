/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: AVERAGE_POOL_2D. acc = bias + sum * dqa_reciprocal(count) over the elements inside the input. */
#include "operator.h"
#include "requantize.h"

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  const uint32_t channels = op->output.channels;
  const struct dqa_range rows =
      dqa_window_inside(op->window.kernel_h, op->window.stride_h, op->window.pad_top, op->input.height, y);
  struct dqa_ring ring;
  (void)acc;
  dqa_ring_of(op, 0, &ring);
  for (uint32_t x = 0; x < op->output.width; ++x) {
    const struct dqa_range columns =
        dqa_window_inside(op->window.kernel_w, op->window.stride_w, op->window.pad_left, op->input.width, x);
    const int32_t reciprocal = dqa_reciprocal((rows.end - rows.first) * (columns.end - columns.first));
    for (uint32_t o = 0; o < channels; ++o) {
      int32_t sum = 0;
      for (uint32_t r = rows.first; r < rows.end; ++r) {
        const int8_t *values = dqa_ring_slot(&ring, r);
        for (uint32_t i = columns.first; i < columns.end; ++i) {
          sum += values[i * channels + o];
        }
      }
      struct dqa_channel c;
      dqa_channel_at(op, o, &c);
      *out++ = dqa_finish(&c, c.bias + sum * reciprocal);
    }
  }
}

static bool check(const struct dqa_op *op) {
  return op->input.channels == op->output.channels && op->window.dilation_h == 1 && op->window.dilation_w == 1 &&
         dqa_biases_fit(op, DQA_POOL_SUM); /* at most 64 * 255 elements */
}

const struct dqa_operator dqa_op_average_pool_2d = {.parameter_bytes = DQA_WINDOW_BYTES + DQA_REQUANTIZATION_BYTES,
                                                    .min_inputs = 1,
                                                    .max_inputs = 1,
                                                    .traits = DQA_WINDOW | DQA_REQUANTIZES,
                                                    .check = check,
                                                    .goes_on = dqa_windows_go_on,
                                                    .row = row};
