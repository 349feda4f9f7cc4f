/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: CONCATENATION of 1 to 16 inputs along height (0), width (1) or channels (2). */
#include "operator.h"

enum { AXIS = 0, RESERVED = 1, HEIGHT = 0, CHANNELS = 2 };

/* Rows of the inputs before this one, where they are stacked. */
static uint32_t rows_before(const struct dqa_op *op, uint32_t input) {
  uint32_t rows = 0;
  for (uint32_t i = 0; i < input && op->parameters[AXIS] == HEIGHT; ++i) {
    struct dqa_edge edge;
    dqa_edge_at(op->model, dqa_op_input(op, i), &edge);
    rows += edge.height;
  }
  return rows;
}

static struct dqa_span span(const struct dqa_op *op, uint32_t input, uint32_t y) {
  const struct dqa_span one = {(int32_t)y - (int32_t)rows_before(op, input), 1};
  return one;
}

/* Each input gives one part of the row: of every pixel along channels, else of the whole row. */
static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  const bool by_pixel = op->parameters[AXIS] == CHANNELS;
  const uint32_t pixels = by_pixel ? op->output.width : 1u;
  (void)acc;
  for (uint32_t i = 0; i < op->input_count; ++i) {
    const uint32_t from = y - rows_before(op, i); /* wraps to a large number above the input's first row */
    struct dqa_edge edge;
    dqa_edge_at(op->model, dqa_op_input(op, i), &edge);
    if (from >= edge.height) {
      continue;
    }
    struct dqa_ring ring;
    dqa_ring_of(op, i, &ring);
    const int8_t *values = dqa_ring_slot(&ring, from);
    const uint32_t part = edge.row_values / pixels;
    int8_t *to = out;
    for (uint32_t x = 0; x < pixels; ++x, values += part, to += op->output.channels) {
      dqa_copy(to, values, part);
    }
    out += op->parameters[AXIS] == HEIGHT ? 0 : part;
  }
}

static bool check(const struct dqa_op *op) {
  const uint32_t axis = op->parameters[AXIS];
  const uint32_t wanted[3] = {op->output.height, op->output.width, op->output.channels};
  uint32_t sum = 0;
  if (axis > CHANNELS || !dqa_all_zero(op->parameters + RESERVED, 3)) {
    return false;
  }
  for (uint32_t i = 0; i < op->input_count; ++i) {
    struct dqa_edge edge;
    dqa_edge_at(op->model, dqa_op_input(op, i), &edge);
    const uint32_t shape[3] = {edge.height, edge.width, edge.channels};
    for (uint32_t a = 0; a < 3; ++a) {
      if (a != axis && shape[a] != wanted[a]) {
        return false;
      }
    }
    sum += shape[axis];
  }
  return sum == wanted[axis];
}

const struct dqa_operator dqa_op_concatenation = {.parameter_bytes = 4,
                                                  .min_inputs = 1,
                                                  .max_inputs = DQA_MAX_INPUTS,
                                                  .traits = DQA_COPIES,
                                                  .check = check,
                                                  .goes_on = dqa_rows_go_on,
                                                  .span = span,
                                                  .row = row};
