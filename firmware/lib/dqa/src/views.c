/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: records of a program as structs, and what follows from them: rows needed, how inputs are seen, scratch. */
#include "run.h"

static const uint8_t *optional_table(const dqa_model *model, const uint8_t *field) {
  const uint32_t offset = dqa_u32(field);
  return offset == 0 ? NULL : model->bytes + offset;
}

void dqa_edge_at(const dqa_model *model, uint32_t number, struct dqa_edge *edge) {
  const uint8_t *record = dqa_edge_record(model, number);
  edge->height = dqa_u16(record + DQA_EDGE_HEIGHT);
  edge->width = dqa_u16(record + DQA_EDGE_WIDTH);
  edge->channels = dqa_u16(record + DQA_EDGE_CHANNELS);
  edge->row_values = (uint32_t)edge->width * edge->channels;
  edge->storage = record[DQA_EDGE_STORAGE];
  edge->error_coding = record[DQA_EDGE_ERROR_CODING];
  edge->code_bits = record[DQA_EDGE_CODE_BITS];
  edge->extra_bits = record[DQA_EDGE_EXTRA_BITS];
  edge->low = (int8_t)record[DQA_EDGE_LOW];
  edge->high = (int8_t)(edge->low + (1 << (edge->code_bits + edge->extra_bits)) - 1);
  edge->zero_point = (int8_t)record[DQA_EDGE_ZERO_POINT];
  edge->capacity = dqa_u32(record + DQA_EDGE_CAPACITY);
  edge->zero_points = optional_table(model, record + DQA_EDGE_ZERO_POINTS);
  edge->important = optional_table(model, record + DQA_EDGE_IMPORTANT);
  edge->important_count = dqa_u16(record + DQA_EDGE_IMPORTANT_COUNT);
  edge->expected_extra = dqa_u16(record + DQA_EDGE_EXPECTED_EXTRA);
  edge->coding = optional_table(model, record + DQA_EDGE_CODING);
  edge->ring_rows = dqa_u16(record + DQA_EDGE_RING_ROWS);
}

bool dqa_pads_with_zeros(const struct dqa_edge *edge) {
  return edge->zero_points != NULL ? dqa_all_zero(edge->zero_points, edge->channels) : edge->zero_point == 0;
}

void dqa_fill_zero_points(const struct dqa_edge *edge, int8_t *values, uint32_t pixels) {
  if (edge->zero_points == NULL) {
    memset(values, edge->zero_point, (size_t)pixels * edge->channels);
    return;
  }
  for (; pixels > 0; --pixels, values += edge->channels) {
    memcpy(values, edge->zero_points, edge->channels);
  }
}

void dqa_op_at(const dqa_model *model, uint32_t number, struct dqa_op *op) {
  static const struct dqa_window none = {1, 1, 1, 1, 1, 1, 0, 0};
  const uint8_t *record = dqa_op_record(model, number);
  op->model = model;
  op->run = NULL;
  op->number = (uint16_t)number;
  op->methods = model->operators[record[DQA_OPERATOR_KIND]];
  op->inputs = model->bytes + dqa_u32(record + DQA_OPERATOR_INPUTS);
  op->parameters = model->bytes + dqa_u32(record + DQA_OPERATOR_PARAMETERS);
  op->scratch_bytes = dqa_u32(record + DQA_OPERATOR_SCRATCH_BYTES);
  op->output_number = dqa_u16(record + DQA_OPERATOR_OUTPUT);
  op->input_count = record[DQA_OPERATOR_INPUT_COUNT];
  op->weight_encoding = record[DQA_OPERATOR_WEIGHT_ENCODING];
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

void dqa_view_of(const struct dqa_op *op, const struct dqa_edge *input, struct dqa_view *view) {
  const struct dqa_window *w = &op->window;
  uint32_t left = 0, right = 0;
  view->rows = op->methods->ring_rows != NULL ? op->methods->ring_rows(op) : dqa_window_rows(w);
  view->padding_row = false;
  if (op->methods->traits & DQA_PADDED && !dqa_pads_with_zeros(input)) {
    const uint32_t columns = (op->output.width - 1u) * w->stride_w + dqa_window_columns(w);
    const uint32_t rows = (op->output.height - 1u) * w->stride_h + dqa_window_rows(w);
    left = w->pad_left;
    right = columns > left + input->width ? columns - left - input->width : 0;
    view->padding_row = w->pad_top > 0 || rows > input->height;
  }
  view->row_bytes = (left + input->width + right) * input->channels;
  view->left_bytes = left * input->channels;
  view->direct = view->row_bytes == input->row_values &&
                 (input->storage == DQA_RING || (input->storage == DQA_RAW_INT8 && view->rows == 1));
}

uint32_t dqa_scratch_bytes(const struct dqa_op *op) {
  uint32_t bytes = dqa_state_bytes(op->input_count);
  for (uint32_t i = 0; i < op->input_count; ++i) {
    struct dqa_edge input;
    struct dqa_view view;
    dqa_edge_at(op->model, dqa_op_input(op, i), &input);
    dqa_view_of(op, &input, &view);
    bytes += dqa_view_ring_bytes(&view) + dqa_view_padding_bytes(&view);
  }
  return bytes + (dqa_accumulates(op) ? 4u * op->output.channels : 0);
}

static uint32_t packed_row_bytes(const struct dqa_op *op) {
  return op->output.storage == DQA_MAP || op->output.storage == DQA_CODED ? dqa_align(op->output.row_values) : 0;
}

uint32_t dqa_decoded_weights(const struct dqa_op *op) {
  const bool ahead = op->weight_encoding != DQA_WEIGHTS_INT8 && op->methods->traits & DQA_DECODES_AHEAD;
  return ahead ? (uint32_t)op->window.kernel_h * op->window.kernel_w * op->input.channels : 0;
}

uint32_t dqa_transient_bytes(const struct dqa_op *op) {
  return packed_row_bytes(op) + dqa_align(2 * dqa_decoded_weights(op));
}

int8_t *dqa_decoded_of(const struct dqa_op *op) { return dqa_transient_of(op->run, op->number) + packed_row_bytes(op); }

/* The output columns x for which left + x * stride >= 0 and left + x * stride + kernel <= width. */
static struct dqa_range whole_windows(const struct dqa_op *op, int32_t left, int32_t width) {
  const int32_t stride = op->window.stride_w, room = width - left - (int32_t)dqa_window_columns(&op->window);
  const uint32_t end = room < 0 ? 0 : (uint32_t)(room / stride) + 1u;
  struct dqa_range whole = {(uint32_t)((stride - 1 - left) / stride), end};
  whole.end = end < op->output.width ? end : op->output.width;
  whole.first = whole.first < whole.end ? whole.first : whole.end;
  return whole;
}

struct dqa_range dqa_taps_columns(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x) {
  const int32_t dilation = op->window.dilation_w, kernel = op->window.kernel_w;
  const int32_t start = taps->left + (int32_t)(x * op->window.stride_w); /* inside the rows, or left of them */
  const int32_t first = start < 0 ? (dilation - 1 - start) / dilation : 0;
  const int32_t end = (taps->width - start + dilation - 1) / dilation;
  const int32_t last = end < kernel ? end : kernel;
  const struct dqa_range range = {(uint32_t)(first < last ? first : last), (uint32_t)last};
  return range;
}

void dqa_taps_of(const struct dqa_op *op, uint32_t y, struct dqa_taps *taps) {
  const struct dqa_window *w = &op->window;
  const int32_t top = (int32_t)(y * w->stride_h) - w->pad_top;
  struct dqa_source source;
  dqa_source_of(op, 0, &source);
  taps->left = (int32_t)(source.view.left_bytes / op->input.channels) - w->pad_left;
  taps->width = (int32_t)(source.view.row_bytes / op->input.channels);
  taps->whole = whole_windows(op, taps->left, taps->width);
  taps->first = taps->count = 0;
  for (uint32_t k = 0; k < w->kernel_h; ++k) {
    const int8_t *row = dqa_ring_row(&source.ring, top + (int32_t)(k * w->dilation_h));
    if (row != NULL) {
      taps->rows[taps->count++] = row;
    } else if (taps->count == 0) { /* rows outside come before or after those inside */
      taps->first = k + 1;
    }
  }
}
