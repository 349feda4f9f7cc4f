/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: a program's layouts place edges, then scratch, then transient rows. */
#include "layout.h"

/* The table from a buffer on. */
static const uint8_t *places_from(const dqa_model *model, uint32_t layout, uint32_t buffer) {
  const uint32_t buffers = model->edge_count + 2u * model->op_count;
  const uint8_t *places = model->bytes + dqa_u32(model->bytes + DQA_HEADER_LAYOUTS);
  return places + 4 * (dqa_table_of(layout) * buffers + buffer);
}

static uint32_t place_of(const dqa_model *model, uint32_t layout, uint32_t buffer) {
  return dqa_u32(places_from(model, layout, buffer));
}

const uint8_t *dqa_places_of_scratch(const dqa_model *model, uint32_t layout) {
  return places_from(model, layout, model->edge_count);
}

uint32_t dqa_place_of_edge(const dqa_model *model, uint32_t layout, uint32_t number) {
  return place_of(model, layout, number);
}

uint32_t dqa_place_of_scratch(const dqa_model *model, uint32_t layout, uint32_t number) {
  return place_of(model, layout, model->edge_count + number);
}

uint32_t dqa_place_of_transient(const dqa_model *model, uint32_t layout, uint32_t number) {
  return place_of(model, layout, (uint32_t)model->edge_count + model->op_count + number);
}
