/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: the edges of a program as structs. */
#include "edge.h"

#include "bounds.h"

static const uint8_t *optional_table(const dqa_model *model, const uint8_t *field) {
  const uint32_t offset = dqa_u32(field);
  return offset == 0 ? NULL : model->bytes + offset;
}

void dqa_edge_at(const dqa_model *model, uint32_t number, struct dqa_edge *edge) {
  const uint8_t *record = dqa_edge_record(model, number);
  edge->height = dqa_edge_height(model, number);
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
  if (dqa_is_endless(model) && edge->ring_rows == 0) {
    edge->ring_rows = 1; /* the output, of one row */
  }
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

bool dqa_same_shape(const struct dqa_edge *a, const struct dqa_edge *b) {
  return a->height == b->height && a->width == b->width && a->channels == b->channels;
}
