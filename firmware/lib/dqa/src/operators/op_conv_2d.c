/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: CONV_2D. acc = bias + sum(weight * value) over the window, i8 weights[O][kernel_h][kernel_w][I].
 *
 * Its rows are written in parts of their own: with blocks of each size, or without. */
#include "blocks.h"
#include "mve_conv.h"
#include "requantize.h"
#include "weights.h"

static bool check(const struct dqa_op *op) {
  const uint32_t pixels = (uint32_t)op->window.kernel_h * op->window.kernel_w;
  if (pixels > DQA_MAX_PRODUCTS / op->input.channels) {
    return false;
  }
  const uint32_t kernel = pixels * op->input.channels;
  return dqa_weights_valid(op, DQA_CONV_WEIGHTS, kernel) && dqa_biases_fit(op, kernel * DQA_PRODUCT);
}

static uint32_t block_bytes(const struct dqa_op *op) {
  const bool direct = op->weight_encoding == DQA_WEIGHTS_INT8 || op->weight_encoding == DQA_WEIGHTS_AFFINE;
  const bool fits = direct && op->block >= DQA_MIN_BLOCK && op->block <= DQA_MAX_BLOCK &&
                    op->block <= op->output.width && dqa_zero_point_folds(op) && dqa_block_run(op) >= 4;
  return fits ? dqa_block_bytes(op) : 0;
}

#ifdef DQA_BLOCKS
static uint32_t part(const struct dqa_op *op) {
  const bool affine = op->weight_encoding == DQA_WEIGHTS_AFFINE;
  if (op->block == 0) {
    return DQA_PART_CONV_PLAIN;
  }
  if (dqa_block_shares(op)) {
    return affine ? DQA_PART_CONV_AFFINE_SHARED : DQA_PART_CONV_SHARED;
  }
  return (uint32_t)(affine ? DQA_PART_CONV_AFFINE_3 : DQA_PART_CONV_3) + (op->block - DQA_MIN_BLOCK);
}
#define ROWS .part = part
#else
static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  (void)acc;
#ifdef DQA_MVE
  if (dqa_mve_conv_fits(op)) { /* either is called last, so that a row takes no stack here */
    dqa_mve_conv_row(op, y, (const int8_t *)dqa_op_table(op, DQA_CONV_WEIGHTS), out);
    return;
  }
#endif
  dqa_conv_plain_row(op, y, out);
}
#define ROWS .row = row
#endif

const struct dqa_operator dqa_op_conv_2d = {.parameter_bytes = DQA_WINDOW_BYTES + 4 + DQA_REQUANTIZATION_BYTES,
                                            .min_inputs = 1,
                                            .max_inputs = 1,
                                            .traits = DQA_WINDOW | DQA_PADDED | DQA_REQUANTIZES | DQA_CODED_WEIGHTS |
                                                      DQA_DECODES_AHEAD,
                                            .check = check,
                                            .goes_on = dqa_windows_go_on,
                                            .block_bytes = block_bytes,
                                            ROWS};
