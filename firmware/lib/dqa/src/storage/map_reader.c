/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: reads edges row by row (docs/format.md, section 2).
 *
 * The executor wrote the maps it reads, but a layout may overlap buffers: a reader clamps what a row header says to the
 * map's capacity, so that wrong bytes give wrong values and nothing else. */
#include "map.h"

#include "huffman.h"
#include "plane.h"

/* Important values of a row without its errors: the middle of what they may have been, but zero stays zero. */
static void centre_dropped(const struct dqa_edge *edge, int8_t *row) {
  const int32_t middle = ((1 << edge->extra_bits) - 1) >> 1;
  for (uint32_t x = 0; x < edge->width; ++x, row += edge->channels) {
    for (uint32_t i = 0; i < edge->important_count; ++i) {
      const uint32_t channel = dqa_u16(edge->important + 2 * i);
      if (row[channel] != dqa_zero_point(edge, channel)) {
        row[channel] = (int8_t)(row[channel] + middle);
      }
    }
  }
}

const uint8_t *dqa_packed_read_row(const dqa_model *model, const struct dqa_edge *edge, const uint8_t *row,
                                   const uint8_t *end, int8_t *values) {
  (void)model;
  const uint32_t plane_bytes = dqa_plane_bytes(edge->row_values, edge->code_bits);
  const uint32_t left = (uint32_t)(end - row);
  if (left < dqa_map_base_bytes(edge)) { /* an overwritten map */
    if (values != NULL) {
      dqa_fill_zero_points(edge, values, edge->width);
    }
    return row;
  }
  if (values != NULL) {
    dqa_plane_unpack(row, edge->row_values, edge->code_bits, edge->extra_bits, edge->low, values);
  }
  if (!dqa_has_errors(edge)) {
    return row + plane_bytes;
  }
  const uint8_t *errors = row + plane_bytes + 2;
  const uint32_t header = dqa_u16(row + plane_bytes);
  uint32_t bytes = header >> 4;
  bytes = bytes > left - plane_bytes - 2 ? left - plane_bytes - 2 : bytes;
  if (values != NULL && (header & 15u) != 0) {
    centre_dropped(edge, values);
  } else if (values != NULL) {
    struct dqa_bit_reader bits = {errors, errors + bytes, 0, 0};
    dqa_errors_read(edge, &bits, values);
  }
  const uint32_t total = plane_bytes + dqa_align(2 + bytes);
  return row + (total < left ? total : left);
}

void dqa_read_row(const struct dqa_edge *edge, const uint8_t *row, int8_t *values) {
  if (edge->storage == DQA_RAW_UINT8) {
    dqa_turn_signs(values, row, edge->row_values);
  } else {
    dqa_copy(values, row, edge->row_values);
  }
}
