/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: FULLY_CONNECTED over the whole input map, i8 weights[O][H * W * I]; output 1 x 1 x O.
 *
 * Takes input rows as they come: acc[o] grows by the products of that row; an input of one row needs no acc. A part for
 * each form of weights. */
#include "affine.h"
#include "dense.h"
#include "pairs.h"
#include "weights.h"

static uint32_t part(const struct dqa_op *op) {
  return op->weight_encoding == DQA_WEIGHTS_PAIRS    ? DQA_PART_DENSE_PAIRS
         : op->weight_encoding == DQA_WEIGHTS_AFFINE ? DQA_PART_DENSE_AFFINE
                                                     : DQA_PART_DENSE_PLAIN;
}

static bool weights_valid(const struct dqa_op *op, uint32_t inputs) {
  const uint32_t offset = dqa_u32(op->parameters + DQA_DENSE_WEIGHTS);
  switch (op->weight_encoding) {
  case DQA_WEIGHTS_PAIRS:
    return dqa_pairs_valid(op, offset);
  case DQA_WEIGHTS_AFFINE:
    return dqa_quads_valid(op, offset);
  default:
    return dqa_weights_valid(op, DQA_DENSE_WEIGHTS, inputs);
  }
}

static bool check(const struct dqa_op *op) {
  const uint32_t inputs = op->input.height * op->input.row_values;
  return op->output.height == 1 && op->output.width == 1 && inputs <= DQA_MAX_PRODUCTS && weights_valid(op, inputs) &&
         dqa_biases_fit(op, inputs * DQA_PRODUCT);
}

const struct dqa_operator dqa_op_fully_connected = {.parameter_bytes = 4 + DQA_REQUANTIZATION_BYTES,
                                                    .min_inputs = 1,
                                                    .max_inputs = 1,
                                                    .traits = DQA_REQUANTIZES | DQA_ONE_ROW_AT_ONCE | DQA_CODED_WEIGHTS,
                                                    .check = check,
                                                    .part = part};
