/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: DEPTHWISE_CONV_2D. Output channel o sees input channel o / multiplier; i8 weights[kernel_h][kernel_w][O].
 *
 * Its rows are written in parts of their own: with blocks for each stride and range, or without. */
#include "block_depthwise.h"
#include "mve_depthwise.h"

static bool check(const struct dqa_op *op) {
  const uint32_t pixels = (uint32_t)op->window.kernel_h * op->window.kernel_w; /* <= 64 * 255 */
  return op->output.channels % op->input.channels == 0 &&
         dqa_in_program(op->model, dqa_u32(op->parameters + DQA_DEPTHWISE_WEIGHTS), op->output.channels, pixels) &&
         dqa_biases_fit(op, pixels * DQA_PRODUCT);
}

#ifdef DQA_BLOCKS
static uint32_t part(const struct dqa_op *op) {
  const bool positive = op->output.low == 0 && op->output.high == INT8_MAX;
  if (op->block == 0) {
    return DQA_PART_DEPTHWISE_PLAIN;
  }
  return op->window.stride_w == 1 ? DQA_PART_DEPTHWISE_1 + positive : DQA_PART_DEPTHWISE_2 + positive;
}
#define ROWS .part = part
#else
static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  (void)acc;
#ifdef DQA_MVE
  if (dqa_mve_depthwise_row(op, y, (const int8_t *)dqa_op_table(op, DQA_DEPTHWISE_WEIGHTS), out)) {
    return;
  }
#endif
  dqa_depthwise_plain_row(op, y, out);
}
#define ROWS .row = row
#endif

const struct dqa_operator dqa_op_depthwise_conv_2d = {.parameter_bytes =
                                                          DQA_WINDOW_BYTES + 4 + DQA_REQUANTIZATION_BYTES,
                                                      .min_inputs = 1,
                                                      .max_inputs = 1,
                                                      .traits = DQA_WINDOW | DQA_PADDED | DQA_REQUANTIZES,
                                                      .check = check,
                                                      .goes_on = dqa_windows_go_on,
                                                      .block_bytes = dqa_depthwise_block_bytes,
                                                      ROWS};
