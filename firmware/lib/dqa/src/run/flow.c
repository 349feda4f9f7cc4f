/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: how far the operators of a phase are, and what they need.
 *
 * Who writes an edge is looked for upwards from who reads it, and the other way round: mostly they are neighbours. */
#include "flow.h"

uint32_t dqa_op_output(const dqa_model *model, uint32_t number) {
  return dqa_u16(dqa_op_record(model, number) + DQA_OPERATOR_OUTPUT);
}

bool dqa_finished(const struct dqa_run *run, uint32_t number) {
  return dqa_state_of(&run->memory, number)->output.row >=
         dqa_edge_height(run->memory.model, dqa_op_output(run->memory.model, number));
}

uint32_t dqa_rows_available(const struct dqa_run *run, uint32_t reader, uint32_t edge, uint32_t height) {
  if (dqa_is_pushed(run->memory.model, edge)) {
    return run->pushed_rows;
  }
  for (uint32_t i = reader; i-- > run->first_op;) {
    if (dqa_op_output(run->memory.model, i) == edge) {
      const uint32_t rows = dqa_state_of(&run->memory, i)->output.row;
      return rows < height ? rows : height;
    }
  }
  return height;
}

uint32_t dqa_first_needed(const struct dqa_run *run, uint32_t first, uint32_t edge, uint32_t height) {
  const dqa_model *const model = run->memory.model;
  uint32_t needed = height;
  for (uint32_t number = first; number < run->end_op; ++number) {
    const uint8_t *record = dqa_op_record(model, number);
    const uint8_t *inputs = model->bytes + dqa_u32(record + DQA_OPERATOR_INPUTS);
    for (uint32_t input = 0; input < record[DQA_OPERATOR_INPUT_COUNT]; ++input) {
      if (dqa_u16(inputs + 2 * input) == edge && !dqa_finished(run, number)) {
        const uint32_t taken = dqa_input_state_of(&run->memory, number, input)->taken;
        needed = taken < needed ? taken : needed;
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
