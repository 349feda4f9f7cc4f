/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: where the buffers of a run lie. */
#ifndef DQA_MEMORY_H
#define DQA_MEMORY_H

#include "../format/layout.h"

/* What a run may touch. Its pointers are the caller's. */
struct dqa_memory {
  const dqa_model *model;
  uint8_t *arena;
  const uint8_t *scratch;    /* where each operator's lies, u32[op_count]: looked up at every turn */
  const void *const *inputs; /* where the layout has none in the arena */
  void *const *outputs;
  const uint8_t *pushed; /* the row being pushed, or NULL */
};

/* Where an edge begins. Operators never write inputs, so that it gives nothing away that theirs are not const. */
uint8_t *dqa_edge_data(const struct dqa_memory *memory, uint32_t number);

/* Memory whose inputs and outputs lie in the arena. */
static inline struct dqa_memory dqa_memory_of(const dqa_model *model, void *arena) {
  const struct dqa_memory memory = {
      .model = model, .arena = arena, .scratch = dqa_places_of_scratch(model, model->layout)};
  return memory;
}

static inline uint8_t *dqa_placed_at(const struct dqa_memory *memory, uint32_t place) {
  return place & DQA_IN_OUTPUT ? (uint8_t *)memory->outputs[0] + (place & ~DQA_IN_OUTPUT) : memory->arena + place;
}

/* Where an operator's scratch and its transient row begin; both are aligned to 4 bytes. */
static inline uint8_t *dqa_scratch_at(const struct dqa_memory *memory, uint32_t number) {
  return dqa_placed_at(memory, dqa_u32(memory->scratch + 4 * number));
}
int8_t *dqa_transient_at(const struct dqa_memory *memory, uint32_t number);

#endif
