/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: the edges of a program: shape, storage, zero points. */
#ifndef DQA_EDGE_H
#define DQA_EDGE_H

#include "format.h"

/* The height of all edges while rows are pushed without end; no counter of rows comes near it. */
#define DQA_ENDLESS 0x40000000u

static inline bool dqa_is_endless(const dqa_model *model) { return model->layout == DQA_LAYOUT_CONTINUOUS; }

struct dqa_edge {
  const uint8_t *zero_points; /* i8[channels], or NULL: all are zero_point */
  const uint8_t *important;   /* u16[important_count], or NULL */
  const uint8_t *coding;      /* Huffman table of a map, coding record of a coded map, or NULL */
  uint32_t row_values;        /* width * channels */
  uint32_t capacity;
  uint32_t height; /* DQA_ENDLESS where rows are pushed without end */
  uint16_t width, channels;
  uint16_t important_count, expected_extra;
  uint16_t ring_rows; /* slots of a ring, 0: the whole edge is stored */
  uint8_t storage, error_coding, code_bits, extra_bits;
  int8_t low, high, zero_point;
};

/* Edge `number` of a program as a struct. */
void dqa_edge_at(const dqa_model *model, uint32_t number, struct dqa_edge *edge);

static inline const uint8_t *dqa_edge_record(const dqa_model *model, uint32_t number) {
  return model->bytes + dqa_u32(model->bytes + DQA_HEADER_EDGES) + number * DQA_EDGE_BYTES;
}
static inline uint32_t dqa_edge_height(const dqa_model *model, uint32_t number) {
  return dqa_is_endless(model) ? DQA_ENDLESS : dqa_u16(dqa_edge_record(model, number) + DQA_EDGE_HEIGHT);
}

static inline uint32_t dqa_edge_capacity(const dqa_model *model, uint32_t number) {
  return dqa_u32(dqa_edge_record(model, number) + DQA_EDGE_CAPACITY);
}

/* Whether rows follow each other at their packed length, so that they are found only one after the other. */
static inline bool dqa_is_whole_map(const struct dqa_edge *edge) {
  return (edge->storage == DQA_MAP || edge->storage == DQA_CODED) && edge->ring_rows == 0;
}

/* Rows of a ring, or of the whole edge. */
static inline uint32_t dqa_edge_slots(const struct dqa_edge *edge) {
  return edge->ring_rows > 0 ? edge->ring_rows : edge->height;
}

/* Where row y lies in an edge that is no whole map. */
static inline uint32_t dqa_row_offset(const struct dqa_edge *edge, uint32_t y) {
  const uint32_t slots = dqa_edge_slots(edge);
  return y % slots * (edge->capacity / slots);
}

/* The zero point of a channel. */
static inline int32_t dqa_zero_point(const struct dqa_edge *edge, uint32_t channel) {
  return edge->zero_points ? (int8_t)edge->zero_points[channel] : edge->zero_point;
}

/* Whether all zero points are 0, so that padding adds nothing to a sum. */
bool dqa_pads_with_zeros(const struct dqa_edge *edge);

/* Sets pixels * channels values to the zero points. */
void dqa_fill_zero_points(const struct dqa_edge *edge, int8_t *values, uint32_t pixels);

bool dqa_same_shape(const struct dqa_edge *a, const struct dqa_edge *b);

#endif
