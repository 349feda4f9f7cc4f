/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: how far the operators of a phase are, and what they need.
 *
 * Looking for the producer and the consumers of an edge costs a look at every operator of the phase, for every row. */
#include "flow.h"

uint32_t dqa_op_output(const dqa_model *model, uint32_t number) {
  return dqa_u16(dqa_op_record(model, number) + DQA_OPERATOR_OUTPUT);
}

bool dqa_finished(const struct dqa_run *run, uint32_t number) {
  return dqa_state_of(&run->memory, number)->output.row >=
         dqa_edge_height(run->memory.model, dqa_op_output(run->memory.model, number));
}

uint32_t dqa_rows_available(const struct dqa_run *run, uint32_t edge, uint32_t height) {
  if (dqa_is_pushed(run->memory.model, edge)) {
    return run->pushed_rows;
  }
  for (uint32_t i = run->first_op; i < run->end_op; ++i) {
    if (dqa_op_output(run->memory.model, i) == edge) {
      const uint32_t rows = dqa_state_of(&run->memory, i)->output.row;
      return rows < height ? rows : height;
    }
  }
  return height;
}

/* The first row of an input that an operator may still ask for. */
static uint32_t needed_by(const struct dqa_run *run, uint32_t number, uint32_t input) {
  struct dqa_op op;
  struct dqa_edge edge;
  struct dqa_view view;
  dqa_op_at(run->memory.model, number, &op);
  dqa_edge_at(run->memory.model, dqa_op_input(&op, input), &edge);
  dqa_view_of(&op, &edge, &view);
  if (dqa_finished(run, number)) {
    return edge.height;
  }
  if (!view.direct || dqa_accumulates(&op)) {
    return dqa_input_state_of(&run->memory, number, input)->taken;
  }
  const int32_t first = dqa_op_span(&op, input, dqa_state_of(&run->memory, number)->output.row).first;
  return first < 0 ? 0 : (uint32_t)first;
}

uint32_t dqa_first_needed(const struct dqa_run *run, uint32_t edge) {
  uint32_t needed = dqa_edge_height(run->memory.model, edge);
  for (uint32_t number = run->first_op; number < run->end_op; ++number) {
    const uint8_t *record = dqa_op_record(run->memory.model, number);
    const uint8_t *inputs = run->memory.model->bytes + dqa_u32(record + DQA_OPERATOR_INPUTS);
    for (uint32_t input = 0; input < record[DQA_OPERATOR_INPUT_COUNT]; ++input) {
      if (dqa_u16(inputs + 2 * input) == edge) {
        const uint32_t first = needed_by(run, number, input);
        needed = first < needed ? first : needed;
      }
    }
  }
  return needed;
}

void dqa_find_phase(struct dqa_run *run, uint32_t first_op) {
  const uint32_t phase = dqa_op_phase(run->memory.model, first_op);
  run->first_op = first_op;
  run->end_op = first_op + 1;
  while (run->end_op < run->memory.model->op_count && dqa_op_phase(run->memory.model, run->end_op) == phase) {
    ++run->end_op;
  }
}
