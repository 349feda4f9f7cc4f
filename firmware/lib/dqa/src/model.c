/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: what a caller may ask of a checked program. */
#include "run.h"

static uint32_t end_size(const dqa_model *model, uint32_t first, uint32_t count, unsigned index) {
  struct dqa_edge edge;
  if (index >= count) {
    return 0;
  }
  dqa_edge_at(model, first + index, &edge);
  return edge.capacity;
}

uint32_t dqa_input_size(const dqa_model *model, unsigned index) {
  return end_size(model, 0, model->input_count, index);
}

uint32_t dqa_output_size(const dqa_model *model, unsigned index) {
  return end_size(model, model->input_count, model->output_count, index);
}

void *dqa_input(const dqa_model *model, void *arena, unsigned index) {
  if (model->layout != DQA_LAYOUT_INTERNAL || index >= model->input_count) {
    return NULL;
  }
  return (uint8_t *)arena + dqa_place_of_edge(model, model->layout, index);
}

const int8_t *dqa_output(const dqa_model *model, void *arena, unsigned index) {
  if (model->layout == DQA_LAYOUT_EXTERNAL || index >= model->output_count) {
    return NULL;
  }
  return (const int8_t *)arena + dqa_place_of_edge(model, model->layout, model->input_count + index);
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
