/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: checks the record and the tables of an edge. */
#include "check.h"

#include "../format/bounds.h"
#include "../operators/operator.h"
#include "../storage/coded.h"

/* Fields that dqa_edge_at computes with: bits, the range of values, offsets. */
static bool record_valid(const dqa_model *model, const uint8_t *record) {
  const uint32_t code_bits = record[DQA_EDGE_CODE_BITS], extra_bits = record[DQA_EDGE_EXTRA_BITS];
  const int32_t low = (int8_t)record[DQA_EDGE_LOW], zero_point = (int8_t)record[DQA_EDGE_ZERO_POINT];
  const uint32_t most_extra = record[DQA_EDGE_STORAGE] == DQA_CODED ? DQA_MAX_DROP : DQA_MAX_EXTRA_BITS;
  if (code_bits < 1 || code_bits > 8 || extra_bits > most_extra || code_bits + extra_bits > 8) {
    return false;
  }
  const int32_t high = low + (1 << (code_bits + extra_bits)) - 1;
  return high <= 127 && zero_point >= low && zero_point <= high && record[DQA_EDGE_STORAGE] <= DQA_CODED &&
         record[DQA_EDGE_ERROR_CODING] <= DQA_ERRORS_HUFFMAN && dqa_u32(record + DQA_EDGE_ZERO_POINTS) <= model->size &&
         dqa_u32(record + DQA_EDGE_IMPORTANT) <= model->size && dqa_u32(record + DQA_EDGE_CODING) <= model->size &&
         dqa_all_zero(record + DQA_EDGE_RESERVED, DQA_EDGE_BYTES - DQA_EDGE_RESERVED);
}

static bool ring_fits(const struct dqa_edge *edge, uint32_t row_bytes) {
  return edge->ring_rows > 0 && edge->capacity <= DQA_MAX_CAPACITY && edge->ring_rows <= edge->capacity / row_bytes &&
         edge->capacity == edge->ring_rows * row_bytes;
}

static bool map_fits(const struct dqa_edge *edge) {
  return edge->capacity <= DQA_MAX_CAPACITY &&
         edge->capacity >= edge->height * dqa_map_base_bytes(edge); /* <= 2^24 + 2^16 * 16 */
}

static bool shape_valid(const struct dqa_edge *edge, bool is_end) {
  if (edge->height == 0 || edge->row_values == 0 || edge->row_values > DQA_MAX_ROW_VALUES ||
      edge->row_values > (uint32_t)DQA_MAX_VALUES / edge->height) {
    return false;
  }
  switch (edge->storage) {
  case DQA_RING:
    return !is_end && edge->extra_bits == 0 && edge->zero_points == NULL && ring_fits(edge, edge->row_values);
  case DQA_MAP:
    return !is_end && (edge->ring_rows > 0 ? ring_fits(edge, dqa_map_base_bytes(edge)) : map_fits(edge));
  case DQA_CODED:
    return !is_end && edge->ring_rows == 0 && edge->zero_points == NULL &&
           dqa_map_base_bytes(edge) <= 2 + 2 * DQA_MAX_PAYLOAD_WORDS && map_fits(edge);
  default:
    return edge->code_bits == 8 && edge->extra_bits == 0 && edge->low == -128 && edge->ring_rows == 0 &&
           edge->capacity == edge->height * edge->row_values;
  }
}

static bool zero_points_valid(const dqa_model *model, uint32_t offset, const struct dqa_edge *edge) {
  if (offset == 0) {
    return true;
  }
  if (!dqa_in_program(model, offset, edge->channels, 1)) {
    return false;
  }
  for (uint32_t c = 0; c < edge->channels; ++c) {
    const int32_t zero_point = dqa_zero_point(edge, c);
    if (zero_point < edge->low || zero_point > edge->high) {
      return false;
    }
  }
  return true;
}

static bool important_valid(const dqa_model *model, uint32_t offset, const struct dqa_edge *edge) {
  const bool errors =
      edge->storage == DQA_MAP && edge->ring_rows == 0 && edge->important_count > 0 && edge->extra_bits > 0;
  if (!errors) {
    return edge->error_coding == DQA_ERRORS_NONE && edge->important_count == 0 && offset == 0 &&
           edge->expected_extra == 0;
  }
  if (edge->error_coding == DQA_ERRORS_NONE || edge->important_count > edge->channels ||
      !dqa_in_program(model, offset, edge->important_count, 2)) {
    return false;
  }
  uint32_t next = 0; /* the lowest number the next one may be */
  for (uint32_t i = 0; i < edge->important_count; ++i) {
    const uint32_t channel = dqa_u16(edge->important + 2 * i);
    if (channel < next || channel >= edge->channels) {
      return false;
    }
    next = channel + 1;
  }
  return true;
}

DQA_COLD dqa_status dqa_check_edge(const dqa_model *model, uint32_t number) {
  const uint8_t *record = dqa_edge_record(model, number);
  const bool is_end = number < (uint32_t)model->input_count + model->output_count;
  struct dqa_edge edge;
  if (!record_valid(model, record)) {
    return DQA_ERROR_EDGE;
  }
  dqa_edge_at(model, number, &edge);
  if (!shape_valid(&edge, is_end) || !zero_points_valid(model, dqa_u32(record + DQA_EDGE_ZERO_POINTS), &edge) ||
      !important_valid(model, dqa_u32(record + DQA_EDGE_IMPORTANT), &edge)) {
    return DQA_ERROR_EDGE;
  }
  const uint32_t coding = dqa_u32(record + DQA_EDGE_CODING);
  if (edge.storage != DQA_MAP && edge.storage != DQA_CODED) {
    return coding == 0 ? DQA_OK : DQA_ERROR_EDGE;
  }
  const struct dqa_coder *const coder = dqa_coder_of(model, edge.storage);
  return coder == NULL ? DQA_ERROR_UNKNOWN_OPERATOR : coder->check_record(model, &edge, coding);
}
