/* dqa: records of a program as structs, and what follows from them: rows needed, rings, scratch. */
#include "dqa_internal.h"

static const uint8_t *optional_table(const dqa_model *model, const uint8_t *field) {
  const uint32_t offset = dqa_u32(field);
  return offset == 0 ? NULL : model->bytes + offset;
}

void dqa_edge_at(const dqa_model *model, uint32_t number, struct dqa_edge *edge) {
  const uint8_t *record = model->bytes + dqa_u32(model->bytes + DQA_HEADER_EDGES) + number * DQA_EDGE_BYTES;
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
  edge->huffman = optional_table(model, record + DQA_EDGE_HUFFMAN);
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
  const uint8_t *record = model->bytes + dqa_u32(model->bytes + DQA_HEADER_OPERATORS) + number * DQA_OPERATOR_BYTES;
  op->model = model;
  op->methods = model->operators[record[DQA_OPERATOR_KIND]];
  op->inputs = model->bytes + dqa_u32(record + DQA_OPERATOR_INPUTS);
  op->parameters = model->bytes + dqa_u32(record + DQA_OPERATOR_PARAMETERS);
  op->scratch_bytes = dqa_u32(record + DQA_OPERATOR_SCRATCH_BYTES);
  op->output_number = dqa_u16(record + DQA_OPERATOR_OUTPUT);
  op->input_count = record[DQA_OPERATOR_INPUT_COUNT];
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
  struct dqa_span span;
  if (op->methods->span != NULL) {
    return op->methods->span(op, input, y);
  }
  span.first = (int32_t)(y * op->window.stride_h) - op->window.pad_top;
  span.count = dqa_window_rows(&op->window);
  return span;
}

void dqa_ring_shape_of(const struct dqa_op *op, const struct dqa_edge *input, struct dqa_ring_shape *shape) {
  const struct dqa_window *w = &op->window;
  uint32_t padded_width = input->width;
  shape->rows = op->methods->ring_rows != NULL ? op->methods->ring_rows(op) : dqa_window_rows(w);
  shape->left_bytes = 0;
  shape->has_padding_row = false;
  if (op->methods->traits & DQA_PADDED) {
    const uint32_t columns_read = (op->output.width - 1u) * w->stride_w + dqa_window_columns(w);
    const uint32_t rows_read = (op->output.height - 1u) * w->stride_h + dqa_window_rows(w);
    padded_width += w->pad_left;
    padded_width = columns_read > padded_width ? columns_read : padded_width;
    shape->left_bytes = (uint32_t)w->pad_left * input->channels;
    shape->has_padding_row = w->pad_top > 0 || rows_read > input->height;
  }
  shape->row_bytes = padded_width * input->channels;
}

uint32_t dqa_scratch_bytes(const struct dqa_op *op) {
  uint32_t bytes = dqa_align(op->output.row_values);
  for (uint32_t i = 0; i < op->input_count; ++i) {
    struct dqa_edge input;
    struct dqa_ring_shape shape;
    dqa_edge_at(op->model, dqa_op_input(op, i), &input);
    dqa_ring_shape_of(op, &input, &shape);
    bytes += dqa_align(shape.rows * shape.row_bytes);
    bytes += shape.has_padding_row ? dqa_align(shape.row_bytes) : 0;
  }
  return bytes + (op->methods->accumulate != NULL ? 4u * op->output.channels : 0);
}
