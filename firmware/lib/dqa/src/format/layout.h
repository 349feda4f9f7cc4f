/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: where a program's layouts place the buffers of a run. */
#ifndef DQA_LAYOUT_H
#define DQA_LAYOUT_H

#include "format.h"

/* The arena size of a layout; DQA_NOWHERE if the program is without it. */
static inline uint32_t dqa_arena_size(const dqa_model *model, uint32_t layout) {
  return dqa_u32(model->bytes + DQA_HEADER_ARENA_SIZES + 4 * layout);
}

/* The layout of the table by which buffers lie. */
static inline uint32_t dqa_table_of(uint32_t layout) {
  return layout == DQA_LAYOUT_CONTINUOUS ? (uint32_t)DQA_LAYOUT_PUSHED : layout;
}

/* The arena offset of an edge, of an operator's scratch, of its transient row; DQA_NOWHERE if it has none. With
 * DQA_IN_OUTPUT it counts from the first output, whose memory serves before its rows are written. */
uint32_t dqa_place_of_edge(const dqa_model *model, uint32_t layout, uint32_t number);
uint32_t dqa_place_of_scratch(const dqa_model *model, uint32_t layout, uint32_t number);
const uint8_t *dqa_places_of_scratch(const dqa_model *model, uint32_t layout); /* u32[op_count] */
uint32_t dqa_place_of_transient(const dqa_model *model, uint32_t layout, uint32_t number);

/* Whether an edge is an input whose rows are pushed: it lies nowhere. */
static inline bool dqa_is_pushed(const dqa_model *model, uint32_t edge) {
  return model->layout >= DQA_LAYOUT_PUSHED && edge < model->input_count;
}

#endif
