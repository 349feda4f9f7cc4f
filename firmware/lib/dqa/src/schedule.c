/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: phases. Their operators run as their data flows: each goes on when its input rows are there and its output has
 * room (docs/format.md, section 6).
 *
 * What an operator may do it may also do later, so the order of the table is as good as any. Looking for the producer
 * and the consumers of an edge costs a look at every operator of the phase, for every row. */
#include "run.h"

static uint32_t output_of(const dqa_model *model, uint32_t number) {
  return dqa_u16(dqa_op_record(model, number) + DQA_OPERATOR_OUTPUT);
}

bool dqa_finished(const struct dqa_run *run, uint32_t number) {
  return dqa_state_of(run, number)->output.row >= dqa_edge_height(run->model, output_of(run->model, number));
}

uint32_t dqa_rows_available(const struct dqa_run *run, uint32_t edge, uint32_t height) {
  if (dqa_is_pushed(run->model, edge)) {
    return run->pushed_rows;
  }
  for (uint32_t i = run->first_op; i < run->end_op; ++i) {
    if (output_of(run->model, i) == edge) {
      const uint32_t rows = dqa_state_of(run, i)->output.row;
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
  dqa_op_at(run->model, number, &op);
  dqa_edge_at(run->model, dqa_op_input(&op, input), &edge);
  dqa_view_of(&op, &edge, &view);
  if (dqa_finished(run, number)) {
    return edge.height;
  }
  if (!view.direct || dqa_accumulates(&op)) {
    return dqa_input_state_of(run, number, input)->taken;
  }
  const int32_t first = dqa_op_span(&op, input, dqa_state_of(run, number)->output.row).first;
  return first < 0 ? 0 : (uint32_t)first;
}

uint32_t dqa_first_needed(const struct dqa_run *run, uint32_t edge) {
  uint32_t needed = dqa_edge_height(run->model, edge);
  for (uint32_t number = run->first_op; number < run->end_op; ++number) {
    const uint8_t *record = dqa_op_record(run->model, number);
    const uint8_t *inputs = run->model->bytes + dqa_u32(record + DQA_OPERATOR_INPUTS);
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
  const uint32_t phase = dqa_op_phase(run->model, first_op);
  run->first_op = first_op;
  run->end_op = first_op + 1;
  while (run->end_op < run->model->op_count && dqa_op_phase(run->model, run->end_op) == phase) {
    ++run->end_op;
  }
}

void dqa_start_phase(struct dqa_run *run, uint32_t first_op) {
  dqa_find_phase(run, first_op);
  for (uint32_t i = run->first_op; i < run->end_op; ++i) {
    dqa_start_op(run, i);
  }
}

/* The rows that the operators of the phase write and take if all goes well: more mean that buffers overlap. */
static uint64_t rows_of_phase(const struct dqa_run *run) {
  const dqa_model *model = run->model;
  uint64_t rows = 0;
  for (uint32_t i = run->first_op; i < run->end_op; ++i) {
    const uint8_t *record = dqa_op_record(model, i);
    const uint8_t *inputs = model->bytes + dqa_u32(record + DQA_OPERATOR_INPUTS);
    rows += dqa_edge_height(model, output_of(model, i));
    for (uint32_t input = 0; input < record[DQA_OPERATOR_INPUT_COUNT]; ++input) {
      rows += dqa_edge_height(model, dqa_u16(inputs + 2 * input));
    }
  }
  return rows;
}

/* Operators that wait for input rows wait for operators before them or for pushed rows: only room that others made
 * calls for another round. */
enum dqa_progress dqa_run_phase(const struct dqa_run *run) {
  uint64_t left = 0;
  for (bool first = true;; first = false) {
    enum dqa_progress worst = DQA_COMPLETE;
    uint32_t rows = 0;
    for (uint32_t i = run->first_op; i < run->end_op && worst != DQA_BROKEN; ++i) {
      const enum dqa_progress one = dqa_finished(run, i) ? DQA_COMPLETE : dqa_step(run, i, &rows);
      worst = one > worst ? one : worst;
    }
    if (worst != DQA_FULL || rows == 0) {
      return worst;
    }
    left = first ? rows_of_phase(run) : left;
    if (rows > left) {
      return DQA_BROKEN;
    }
    left -= rows;
  }
}

static struct dqa_op_state *last_state(const struct dqa_run *run) {
  return dqa_state_of(run, run->model->op_count - 1u);
}

bool dqa_has_ended(const struct dqa_run *run) { return last_state(run)->mark == DQA_STATE_ENDED; }

void dqa_forget_end(const struct dqa_run *run) { last_state(run)->mark = 0; }

dqa_status dqa_run_to_end(struct dqa_run *run, uint32_t *dropped) {
  for (;;) {
    if (dqa_run_phase(run) != DQA_COMPLETE) {
      dqa_forget_end(run); /* of an earlier run */
      return DQA_ERROR_STALLED;
    }
    for (uint32_t i = run->first_op; i < run->end_op; ++i) {
      struct dqa_op_state *const state = dqa_state_of(run, i);
      state->mark = DQA_STATE_ENDED;
      if (dropped != NULL) {
        dropped[output_of(run->model, i)] += state->output.dropped;
      }
    }
    if (run->end_op == run->model->op_count) {
      return DQA_OK;
    }
    dqa_start_phase(run, run->end_op);
  }
}
