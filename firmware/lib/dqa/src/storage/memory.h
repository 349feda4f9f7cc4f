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
  const void *const *inputs; /* where the layout has none in the arena */
  void *const *outputs;
  const uint8_t *pushed; /* the row being pushed, or NULL */
};

/* Where an edge begins. Operators never write inputs, so that it gives nothing away that theirs are not const. */
uint8_t *dqa_edge_data(const struct dqa_memory *memory, uint32_t number);

/* Where an operator's scratch and its transient row begin; both are aligned to 4 bytes. */
uint8_t *dqa_scratch_at(const struct dqa_memory *memory, uint32_t number);
int8_t *dqa_transient_at(const struct dqa_memory *memory, uint32_t number);

#endif
