/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: phases. Their operators run as their data flows: each goes on when its input rows are there and its output has
 * room (docs/format.md, section 6).
 *
 * What an operator may do it may also do later, so the order of the table is as good as any. */
#include "schedule.h"
#include "profile.h"

void dqa_start_phase(struct dqa_run *run, uint32_t first_op) {
  dqa_find_phase(run, first_op);
  for (uint32_t i = run->first_op; i < run->end_op; ++i) {
    dqa_start_op(&run->memory, i);
  }
}

/* The rows that the operators of the phase write and take if all goes well, of an endless edge one for each that is
 * pushed: more mean that buffers overlap. */
static uint32_t most_rows(const dqa_model *model, uint32_t edge) {
  return dqa_is_endless(model) ? 1 : dqa_edge_height(model, edge);
}

static uint64_t rows_of_phase(const struct dqa_run *run) {
  const dqa_model *model = run->memory.model;
  uint64_t rows = 0;
  for (uint32_t i = run->first_op; i < run->end_op; ++i) {
    const uint8_t *record = dqa_op_record(model, i);
    const uint8_t *inputs = model->bytes + dqa_u32(record + DQA_OPERATOR_INPUTS);
    rows += most_rows(model, dqa_op_output(model, i));
    for (uint32_t input = 0; input < record[DQA_OPERATOR_INPUT_COUNT]; ++input) {
      rows += most_rows(model, dqa_u16(inputs + 2 * input));
    }
  }
  return rows;
}

static enum dqa_progress step(const struct dqa_run *run, uint32_t number, uint32_t *rows) {
  dqa_profile_enter(number);
  const enum dqa_progress progress = dqa_step(run, number, rows);
  dqa_profile_leave(number);
  return progress;
}

/* Operators that wait for input rows wait for operators before them or for pushed rows: only room that others made
 * calls for another round. */
enum dqa_progress dqa_run_phase(const struct dqa_run *run) {
  uint64_t left = 0;
  for (bool first = true;; first = false) {
    enum dqa_progress worst = DQA_COMPLETE;
    uint32_t rows = 0;
    for (uint32_t i = run->first_op; i < run->end_op && worst != DQA_BROKEN; ++i) {
      const enum dqa_progress one = dqa_finished(run, i) ? DQA_COMPLETE : step(run, i, &rows);
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
  return dqa_state_of(&run->memory, run->memory.model->op_count - 1u);
}

bool dqa_has_ended(const struct dqa_run *run) { return last_state(run)->mark == DQA_STATE_ENDED; }

void dqa_forget_end(const struct dqa_run *run) { last_state(run)->mark = 0; }

void dqa_mark_answer(const struct dqa_run *run, bool answered) {
  last_state(run)->mark = answered ? DQA_STATE_ENDED : DQA_STATE_BEGUN;
}

dqa_status dqa_run_to_end(struct dqa_run *run, uint32_t *dropped) {
  for (;;) {
    if (dqa_run_phase(run) != DQA_COMPLETE) {
      dqa_forget_end(run); /* of an earlier run */
      return DQA_ERROR_STALLED;
    }
    for (uint32_t i = run->first_op; i < run->end_op; ++i) {
      struct dqa_op_state *const state = dqa_state_of(&run->memory, i);
      state->mark = DQA_STATE_ENDED;
      if (dropped != NULL) {
        dropped[dqa_op_output(run->memory.model, i)] += state->output.dropped;
      }
    }
    if (run->end_op == run->memory.model->op_count) {
      return DQA_OK;
    }
    dqa_start_phase(run, run->end_op);
  }
}
