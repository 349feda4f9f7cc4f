/* dqa: an inference whose input rows come one by one.
 *
 * The first operator reads the input, and its state in the arena says how many rows were pushed. */
#include "run.h"

dqa_status dqa_begin(const dqa_model *model, void *arena, size_t arena_size) {
  if (model == NULL || model->bytes == NULL || model->layout != DQA_LAYOUT_PUSHED) {
    return DQA_ERROR_ARGUMENT;
  }
  if (!dqa_arena_fits(model, arena, arena_size)) {
    return DQA_ERROR_ARENA;
  }
  struct dqa_run run = {.model = model, .arena = arena};
  dqa_start_phase(&run, 0);
  return DQA_OK;
}

/* Takes up a run that dqa_begin started; false if there is none. */
static bool resume(struct dqa_run *run, const dqa_model *model, void *arena) {
  if (model == NULL || model->bytes == NULL || model->layout != DQA_LAYOUT_PUSHED ||
      !dqa_arena_fits(model, arena, model->arena_size)) {
    return false;
  }
  run->model = model;
  run->arena = arena;
  dqa_find_phase(run, 0);
  run->pushed_rows = dqa_input_state_of(run, 0, 0)->taken;
  return dqa_state_of(run, 0)->mark == DQA_STATE_MARK;
}

/* Whether all readers of the input are done with the row just pushed; it is then counted for each of them. */
static bool row_taken(const struct dqa_run *run) {
  for (uint32_t number = run->first_op; number < run->end_op; ++number) {
    struct dqa_op op;
    dqa_op_at(run->model, number, &op);
    for (uint32_t i = 0; i < op.input_count; ++i) {
      if (!dqa_is_pushed(run->model, dqa_op_input(&op, i))) {
        continue;
      }
      if (dqa_first_needed(run, number, i) < run->pushed_rows) {
        return false;
      }
      dqa_input_state_of(run, number, i)->taken = run->pushed_rows;
    }
  }
  return true;
}

dqa_status dqa_push_row(const dqa_model *model, void *arena, const void *row) {
  struct dqa_run run = {.pushed = row};
  if (row == NULL || !resume(&run, model, arena) || run.pushed_rows >= dqa_edge_height(model, 0)) {
    return DQA_ERROR_ARGUMENT;
  }
  ++run.pushed_rows;
  const bool intact = dqa_run_phase(&run) != DQA_BROKEN;
  return intact && row_taken(&run) ? DQA_OK : DQA_ERROR_STALLED;
}

dqa_status dqa_end(const dqa_model *model, void *arena, uint32_t *dropped) {
  struct dqa_run run = {.pushed = NULL};
  if (!resume(&run, model, arena) || run.pushed_rows != dqa_edge_height(model, 0)) {
    return DQA_ERROR_ARGUMENT;
  }
  return dqa_run_to_end(&run, dropped);
}
