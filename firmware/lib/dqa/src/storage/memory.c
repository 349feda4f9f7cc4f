/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: where the buffers of a run lie: in the arena, with the caller, or in the first output. */
#include "memory.h"

uint8_t *dqa_edge_data(const struct dqa_memory *memory, uint32_t number) {
  const dqa_model *model = memory->model;
  const uint32_t outputs_end = (uint32_t)model->input_count + model->output_count;
  if (dqa_is_pushed(model, number)) {
    return (uint8_t *)memory->pushed;
  }
  if (model->layout == DQA_LAYOUT_EXTERNAL && number < outputs_end) {
    const bool is_input = number < model->input_count;
    return is_input ? (uint8_t *)memory->inputs[number] : memory->outputs[number - model->input_count];
  }
  return dqa_placed_at(memory, dqa_place_of_edge(model, model->layout, number));
}

int8_t *dqa_transient_at(const struct dqa_memory *memory, uint32_t number) {
  return (int8_t *)dqa_placed_at(memory, dqa_place_of_transient(memory->model, memory->model->layout, number));
}
