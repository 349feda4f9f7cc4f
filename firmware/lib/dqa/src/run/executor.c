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
    const struct dqa_operator *const entry = model->operators[DQA_PART_WHOLE_INPUT];
    return entry == NULL ? DQA_ERROR_UNKNOWN_OPERATOR : entry->brings.push_all(model, arena, inputs[0], dropped);
  }
  struct dqa_run run = {.memory = dqa_memory_of(model, arena)};
  run.memory.inputs = inputs;
  run.memory.outputs = outputs;
  dqa_start_phase(&run, 0);
  return dqa_run_to_end(&run, dropped);
}
