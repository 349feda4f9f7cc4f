/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: the records of operators as structs, and the input rows they need. */
#include "operator.h"

void dqa_op_at(const dqa_model *model, uint32_t number, struct dqa_op *op) {
  static const struct dqa_window none = {1, 1, 1, 1, 1, 1, 0, 0};
  const uint8_t *record = dqa_op_record(model, number);
  op->model = model;
  op->memory = NULL;
  op->source = NULL;
  op->number = (uint16_t)number;
  op->methods = model->operators[record[DQA_OPERATOR_KIND]];
  op->inputs = model->bytes + dqa_u32(record + DQA_OPERATOR_INPUTS);
  op->parameters = model->bytes + dqa_u32(record + DQA_OPERATOR_PARAMETERS);
  op->scratch_bytes = dqa_u32(record + DQA_OPERATOR_SCRATCH_BYTES);
  op->output_number = dqa_u16(record + DQA_OPERATOR_OUTPUT);
  op->input_count = record[DQA_OPERATOR_INPUT_COUNT];
  op->weight_encoding = record[DQA_OPERATOR_WEIGHT_ENCODING];
  op->block = record[DQA_OPERATOR_BLOCK];
  op->window = none;
  if (op->methods->traits & DQA_WINDOW) {
    memcpy(&op->window, op->parameters, DQA_WINDOW_BYTES);
  }
  op->bias = op->multiplier = op->shift = NULL;
  if (op->methods->traits & DQA_REQUANTIZES) {
    const uint32_t at = (uint32_t)op->methods->parameter_bytes - DQA_REQUANTIZATION_BYTES;
    op->bias = dqa_op_table(op, at);
    op->multiplier = dqa_op_table(op, at + 4);
    op->shift = dqa_op_table(op, at + 8);
  }
  dqa_edge_at(model, dqa_op_input(op, 0), &op->input);
  dqa_edge_at(model, op->output_number, &op->output);
}

struct dqa_span dqa_op_span(const struct dqa_op *op, uint32_t input, uint32_t y) {
  struct dqa_span span = {0, op->input.height};
  if (dqa_accumulates(op)) {
    return span;
  }
  if (op->methods->span != NULL) {
    return op->methods->span(op, input, y);
  }
  span.first = (int32_t)(y * op->window.stride_h) - op->window.pad_top;
  span.count = dqa_window_rows(&op->window);
  return span;
}

bool dqa_rows_go_on(const struct dqa_op *op) {
  bool alike = true;
  for (uint32_t i = 0; i < op->input_count; ++i) {
    alike = alike && dqa_edge_height(op->model, dqa_op_input(op, i)) == op->output.height;
  }
  return alike;
}

bool dqa_windows_go_on(const struct dqa_op *op) {
  const struct dqa_window *w = &op->window;
  return (op->output.height - 1u) * w->stride_h + dqa_window_rows(w) <= op->input.height + w->pad_top;
}

bool dqa_places_fit(const struct dqa_op *op, uint32_t parameter, uint32_t count, uint32_t size, uint32_t limit,
                    bool ascending) {
  uint32_t last = 0;
  if (!dqa_in_program(op->model, dqa_u32(op->parameters + parameter), count, size)) {
    return false;
  }
  const uint8_t *table = dqa_op_table(op, parameter);
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t place = dqa_u16(table + size * i);
    if (place >= limit || (ascending && place < last)) {
      return false;
    }
    last = place;
  }
  return true;
}
