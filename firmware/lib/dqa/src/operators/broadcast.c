/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: inputs that are repeated. */
#include "broadcast.h"

void dqa_operand_of(const struct dqa_op *op, uint32_t input, uint32_t y, struct dqa_operand *operand) {
  struct dqa_edge edge;
  struct dqa_ring ring;
  dqa_edge_at(op->model, dqa_op_input(op, input), &edge);
  dqa_ring_of(op, input, &ring);
  operand->values = dqa_ring_slot(&ring, edge.height == 1 ? 0 : y);
  operand->pixel = edge.width == 1 ? 0 : edge.channels;
  operand->channel = edge.channels == 1 ? 0 : 1;
}

struct dqa_span dqa_operand_span(const struct dqa_op *op, uint32_t input, uint32_t y) {
  const uint32_t height = dqa_edge_height(op->model, dqa_op_input(op, input));
  const struct dqa_span span = {height == 1 ? 0 : (int32_t)y, 1};
  return span;
}

static bool fits(uint32_t size, uint32_t wanted) { return size == 1 || size == wanted; }

bool dqa_operands_fit(const struct dqa_op *op) {
  for (uint32_t i = 0; i < op->input_count; ++i) {
    struct dqa_edge edge;
    dqa_edge_at(op->model, dqa_op_input(op, i), &edge);
    if (!fits(edge.height, op->output.height) || !fits(edge.width, op->output.width) ||
        !fits(edge.channels, op->output.channels)) {
      return false;
    }
  }
  return true;
}
