/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: rows that never end.
 *
 * While rows are pushed without end every edge has DQA_ENDLESS rows, and row y of an edge that has one row for `step`
 * of the input is turned back by period / step rows: a multiple of the slots of every ring it goes through. */
#include "endless.h"

/* Rows of the input from one row of an edge to the next; 0 if they are more than any period has. */
static uint32_t step_of(const dqa_model *model, uint32_t edge) {
  uint32_t step = 1;
  while (edge >= model->input_count && step <= DQA_MAX_PERIOD) {
    struct dqa_op op;
    uint32_t writer = 0;
    while (dqa_op_output(model, writer) != edge) {
      ++writer;
    }
    dqa_op_at(model, writer, &op);
    step *= op.window.stride_h;
    edge = dqa_op_input(&op, 0);
  }
  return step <= DQA_MAX_PERIOD ? step : 0;
}

/* Rows of an edge in a period; 0 if it is no whole number. */
static uint32_t rows_in_period(const dqa_model *model, uint32_t edge) {
  const uint32_t step = step_of(model, edge), period = dqa_period(model);
  return step > 0 && period % step == 0 ? period / step : 0;
}

static bool edge_valid(const dqa_model *model, uint32_t number) {
  struct dqa_edge edge;
  dqa_edge_at(model, number, &edge);
  const uint32_t rows = rows_in_period(model, number);
  if (number < model->input_count) {
    return true;
  }
  return rows > 0 &&
         (number == model->input_count ? edge.height == 1 : edge.ring_rows > 0 && rows % edge.ring_rows == 0);
}

static bool op_valid(const dqa_model *model, uint32_t number) {
  struct dqa_op op;
  dqa_op_at(model, number, &op);
  if (op.methods->goes_on == NULL || !op.methods->goes_on(&op)) {
    return false;
  }
  for (uint32_t i = 0; i < op.input_count; ++i) {
    struct dqa_edge input;
    struct dqa_view view;
    const uint32_t edge = dqa_op_input(&op, i);
    dqa_edge_at(model, edge, &input);
    dqa_view_of(&op, &input, &view);
    const bool turns = view.direct || rows_in_period(model, edge) % view.rows == 0;
    if (edge == model->input_count || step_of(model, edge) != step_of(model, dqa_op_input(&op, 0)) || !turns) {
      return false;
    }
  }
  return true;
}

static bool valid(const dqa_model *model) {
  const uint32_t period = dqa_period(model);
  bool fits = period > 0 && period <= DQA_MAX_PERIOD && model->input_count == 1 && model->output_count == 1 &&
              dqa_arena_size(model, DQA_LAYOUT_PUSHED) != DQA_NOWHERE && dqa_op_phase(model, model->op_count - 1u) == 0;
  for (uint32_t number = 0; number < model->edge_count && fits; ++number) {
    fits = edge_valid(model, number);
  }
  for (uint32_t number = 0; number < model->op_count && fits; ++number) {
    fits = op_valid(model, number);
  }
  return fits;
}

/* Every counter is above the rows that it loses: no window reaches back before row 0, and none begins there again. */
static bool lower(uint32_t *counter, uint32_t rows) {
  const bool reached = *counter > rows;
  *counter -= reached ? rows : 0;
  return reached;
}

static bool turn_back(const struct dqa_run *run) {
  const dqa_model *model = run->memory.model;
  bool reached = true;
  for (uint32_t number = 0; number < model->op_count && reached; ++number) {
    struct dqa_op op;
    dqa_op_at(model, number, &op);
    reached = lower(&dqa_state_of(&run->memory, number)->output.row, rows_in_period(model, op.output_number));
    for (uint32_t i = 0; i < op.input_count && reached; ++i) {
      uint32_t *const taken = &dqa_input_state_of(&run->memory, number, i)->taken;
      reached = lower(taken, rows_in_period(model, dqa_op_input(&op, i)));
    }
  }
  return reached;
}

static const struct dqa_endless endless = {.valid = valid, .turn_back = turn_back};

const struct dqa_operator dqa_part_endless = {.brings = {.endless = &endless}};
