/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: runs a checked program, with its inputs whole or pushed row by row. */
#include "arguments.h"
#include "schedule.h"

static bool all_given(const void *const *buffers, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    if (dqa_is_misplaced(buffers, sizeof *buffers) || buffers[i] == NULL) {
      return false;
    }
  }
  return true;
}

/* The rows of the whole input, one after the other. */
static dqa_status push_all(const dqa_model *model, void *arena, const uint8_t *input, uint32_t *dropped) {
  struct dqa_edge edge;
  dqa_status status = dqa_begin(model, arena, model->arena_size);
  dqa_edge_at(model, 0, &edge);
  for (uint32_t y = 0; y < edge.height && status == DQA_OK; ++y) {
    status = dqa_push_row(model, arena, input + y * edge.row_values);
  }
  status = status == DQA_OK ? dqa_end(model, arena, dropped) : status;
  return status == DQA_ERROR_ARGUMENT ? DQA_ERROR_STALLED : status; /* an overlap has changed the rows counted */
}

dqa_status dqa_run(const dqa_model *model, void *arena, size_t arena_size, const void *const *inputs,
                   void *const *outputs, uint32_t *dropped) {
  if (!dqa_is_loaded(model) || dqa_is_endless(model) || dqa_is_misplaced_counters(dropped)) {
    return DQA_ERROR_ARGUMENT;
  }
  if (!dqa_arena_fits(model, arena, arena_size)) {
    return DQA_ERROR_ARENA;
  }
  if ((model->layout != DQA_LAYOUT_INTERNAL && !all_given(inputs, model->input_count)) ||
      (model->layout == DQA_LAYOUT_EXTERNAL && !all_given((const void *const *)outputs, model->output_count))) {
    return DQA_ERROR_ARGUMENT;
  }
  if (model->layout == DQA_LAYOUT_EXTERNAL && ((uintptr_t)outputs[0] & 3u) != 0) {
    return DQA_ERROR_ARENA;
  }
  if (model->layout == DQA_LAYOUT_PUSHED) {
    return push_all(model, arena, inputs[0], dropped);
  }
  struct dqa_run run = {.memory = dqa_memory_of(model, arena)};
  run.memory.inputs = inputs;
  run.memory.outputs = outputs;
  dqa_start_phase(&run, 0);
  return dqa_run_to_end(&run, dropped);
}
