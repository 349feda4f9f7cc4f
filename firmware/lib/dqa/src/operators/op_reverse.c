/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: REVERSE, the rows of the input from the last to the first: all of it has to be there before the first row of the
 * output. */
#include "operator.h"

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  struct dqa_ring ring;
  (void)acc;
  dqa_ring_of(op, 0, &ring);
  dqa_copy(out, dqa_ring_slot(&ring, op->input.height - 1u - y), op->input.row_values);
}

static struct dqa_span span(const struct dqa_op *op, uint32_t input, uint32_t y) {
  const struct dqa_span all = {0, op->input.height};
  (void)input;
  (void)y;
  return all;
}

/* Of an input whose bytes are its values it reads row by row where they lie. */
static uint32_t ring_rows(const struct dqa_op *op) { return op->input.storage == DQA_RAW_INT8 ? 1u : op->input.height; }

static bool check(const struct dqa_op *op) { return dqa_same_shape(&op->input, &op->output); }

const struct dqa_operator dqa_op_reverse = {.parameter_bytes = 0,
                                            .min_inputs = 1,
                                            .max_inputs = 1,
                                            .traits = DQA_COPIES,
                                            .check = check,
                                            .span = span,
                                            .ring_rows = ring_rows,
                                            .row = row};
