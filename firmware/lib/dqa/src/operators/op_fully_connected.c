/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: FULLY_CONNECTED over the whole input map, i8 weights[O][H * W * I]; output 1 x 1 x O.
 *
 * Takes input rows as they come: acc[o] grows by the products of that row; an input of one row needs no acc. A part for
 * each form of weights. */
#include "dense.h"
#include "pairs.h"
#include "weights.h"

static uint32_t part(const struct dqa_op *op) {
  return op->weight_encoding == DQA_WEIGHTS_PAIRS ? DQA_PART_DENSE_PAIRS : DQA_PART_DENSE_PLAIN;
}

static bool check(const struct dqa_op *op) {
  const uint32_t inputs = op->input.height * op->input.row_values;
  return op->output.height == 1 && op->output.width == 1 && inputs <= DQA_MAX_PRODUCTS &&
         (op->weight_encoding == DQA_WEIGHTS_PAIRS ? dqa_pairs_valid(op, dqa_u32(op->parameters + DQA_DENSE_WEIGHTS))
                                                   : dqa_weights_valid(op, DQA_DENSE_WEIGHTS, inputs)) &&
         dqa_biases_fit(op, inputs * DQA_PRODUCT);
}

const struct dqa_operator dqa_op_fully_connected = {.parameter_bytes = 4 + DQA_REQUANTIZATION_BYTES,
                                                    .min_inputs = 1,
                                                    .max_inputs = 1,
                                                    .traits = DQA_REQUANTIZES | DQA_ONE_ROW_AT_ONCE | DQA_CODED_WEIGHTS,
                                                    .check = check,
                                                    .part = part};
