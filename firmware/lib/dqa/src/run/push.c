/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: an inference whose input rows come one by one.
 *
 * The first operator reads the input, and its state in the arena says how many rows were pushed. */
#include "arguments.h"
#include "endless.h"
#include "schedule.h"

dqa_status dqa_begin(const dqa_model *model, void *arena, size_t arena_size) {
  if (!dqa_is_loaded(model) || model->layout < DQA_LAYOUT_PUSHED) {
    return DQA_ERROR_ARGUMENT;
  }
  if (!dqa_arena_fits(model, arena, arena_size)) {
    return DQA_ERROR_ARENA;
  }
  struct dqa_run run = {.memory = dqa_memory_of(model, arena)};
  dqa_forget_end(&run);
  dqa_start_phase(&run, 0);
  return DQA_OK;
}

/* Rows pushed so far. Where the first operator takes rows, these are the rows it took. */
static uint32_t *rows_pushed(const struct dqa_run *run) { return &dqa_input_state_of(&run->memory, 0, 0)->taken; }

/* Takes up a run that dqa_begin started; false if there is none. */
static bool resume(struct dqa_run *run, const dqa_model *model, void *arena) {
  if (!dqa_arena_is_usable(model, arena) || model->layout < DQA_LAYOUT_PUSHED) {
    return false;
  }
  const uint8_t *const row = run->memory.pushed;
  run->memory = dqa_memory_of(model, arena);
  run->memory.pushed = row;
  dqa_find_phase(run, 0);
  run->pushed_rows = *rows_pushed(run);
  if (dqa_is_endless(model) && dqa_has_ended(run)) { /* with an answer, which is not the last */
    dqa_mark_answer(run, false);
  }
  return dqa_state_of(&run->memory, 0)->mark == DQA_STATE_BEGUN &&
         !(dqa_is_endless(model) && run->pushed_rows >= 2 * dqa_period(model));
}

/* Answers so far, but for periods of them. */
static uint32_t answers(const struct dqa_run *run) {
  return dqa_rows_available(run, run->end_op, run->memory.model->input_count, DQA_ENDLESS);
}

dqa_status dqa_push_row(const dqa_model *model, void *arena, const void *row) {
  struct dqa_run run = {.memory = {.pushed = row}};
  if (row == NULL || !resume(&run, model, arena) || run.pushed_rows >= dqa_edge_height(model, 0)) {
    return DQA_ERROR_ARGUMENT;
  }
  ++run.pushed_rows;
  const uint32_t before = dqa_is_endless(model) ? answers(&run) : 0;
  const bool broken = dqa_run_phase(&run) == DQA_BROKEN;
  if (broken || dqa_first_needed(&run, run.first_op, 0, dqa_edge_height(model, 0)) < run.pushed_rows) {
    return DQA_ERROR_STALLED;
  }
  *rows_pushed(&run) = run.pushed_rows;
  if (dqa_is_endless(model)) {
    dqa_mark_answer(&run, answers(&run) != before);
    return run.pushed_rows < 2 * dqa_period(model) || dqa_endless_of(model)->turn_back(&run) ? DQA_OK
                                                                                             : DQA_ERROR_STALLED;
  }
  return DQA_OK;
}

dqa_status dqa_end(const dqa_model *model, void *arena, uint32_t *dropped) {
  struct dqa_run run = {.memory = {.pushed = NULL}};
  if (dqa_is_misplaced_counters(dropped) || !dqa_is_loaded(model) || dqa_is_endless(model) ||
      !resume(&run, model, arena) || run.pushed_rows != dqa_edge_height(model, 0)) {
    return DQA_ERROR_ARGUMENT;
  }
  return dqa_run_to_end(&run, dropped);
}
