/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: checks affine weights. */
#include "affine.h"

DQA_COLD bool dqa_affine_least_valid(const struct dqa_op *op) {
  const int8_t *const least = dqa_affine_least(op);
  for (uint32_t o = 0; o < op->output.channels; ++o) {
    if (least[o] > INT8_MAX - 15 * DQA_AFFINE_STEP) {
      return false;
    }
  }
  return true;
}

DQA_COLD bool dqa_quads_valid(const struct dqa_op *op, uint32_t offset) {
  const uint32_t row = op->input.row_values, groups = dqa_affine_groups(op->input.height * row);
  const uint32_t outputs = (op->output.channels + DQA_QUAD_OUTPUTS - 1u) / DQA_QUAD_OUTPUTS;
  return (op->input.height == 1 || row % DQA_AFFINE_INPUTS == 0) &&
         dqa_in_program(op->model, offset, outputs, groups * DQA_QUAD_BYTES) && dqa_affine_least_valid(op);
}
