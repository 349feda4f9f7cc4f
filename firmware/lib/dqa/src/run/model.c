/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: what a caller may ask of a checked program. */
#include "arguments.h"
#include "schedule.h"

uint32_t dqa_input_size(const dqa_model *model, unsigned index) {
  return dqa_is_loaded(model) && index < model->input_count ? dqa_edge_capacity(model, index) : 0;
}

uint32_t dqa_output_size(const dqa_model *model, unsigned index) {
  return dqa_is_loaded(model) && index < model->output_count ? dqa_edge_capacity(model, model->input_count + index) : 0;
}

void *dqa_input(const dqa_model *model, void *arena, unsigned index) {
  if (!dqa_arena_is_usable(model, arena) || model->layout != DQA_LAYOUT_INTERNAL || index >= model->input_count) {
    return NULL;
  }
  return (uint8_t *)arena + dqa_place_of_edge(model, model->layout, index);
}

const int8_t *dqa_output(const dqa_model *model, void *arena, unsigned index) {
  if (!dqa_arena_is_usable(model, arena) || model->layout == DQA_LAYOUT_EXTERNAL || index >= model->output_count) {
    return NULL;
  }
  const struct dqa_run run = {.memory = dqa_memory_of(model, arena)};
  const int8_t *const values =
      (const int8_t *)arena + dqa_place_of_edge(model, model->layout, model->input_count + index);
  return dqa_has_ended(&run) ? values : NULL;
}

const char *dqa_status_name(dqa_status status) {
  static const char *const names[] = {"ok",
                                      "truncated",
                                      "not a DQA program",
                                      "unknown version",
                                      "checksum differs",
                                      "bad header",
                                      "bad edge",
                                      "bad Huffman table",
                                      "bad operator",
                                      "unknown operator",
                                      "bad buffer layout",
                                      "arena too small",
                                      "bad argument",
                                      "stalled"};
  return (unsigned)status < sizeof names / sizeof names[0] ? names[status] : "unknown status";
}
