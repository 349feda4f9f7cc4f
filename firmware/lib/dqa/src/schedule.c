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

uint32_t dqa_first_needed(const struct dqa_run *run, uint32_t number, uint32_t input) {
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

uint32_t dqa_room_end(const struct dqa_op *op) {
  const uint32_t height = op->output.height;
  uint32_t needed = height;
  for (uint32_t i = op->number + 1u; i < op->run->end_op && op->output.ring_rows > 0; ++i) {
    const uint8_t *record = dqa_op_record(op->model, i);
    const uint8_t *inputs = op->model->bytes + dqa_u32(record + DQA_OPERATOR_INPUTS);
    for (uint32_t input = 0; input < record[DQA_OPERATOR_INPUT_COUNT]; ++input) {
      if (dqa_u16(inputs + 2 * input) == op->output_number) {
        const uint32_t first = dqa_first_needed(op->run, i, input);
        needed = first < needed ? first : needed;
      }
    }
  }
  return height - needed > op->output.ring_rows ? needed + op->output.ring_rows : height;
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

enum dqa_progress dqa_run_phase(const struct dqa_run *run) {
  uint64_t left = rows_of_phase(run);
  for (;;) {
    uint32_t progress = 0;
    bool complete = true;
    for (uint32_t i = run->first_op; i < run->end_op; ++i) {
      if (!dqa_finished(run, i) && !dqa_step(run, i, &progress)) {
        return DQA_BROKEN;
      }
      complete = complete && dqa_finished(run, i);
    }
    if (complete || progress == 0) {
      return complete ? DQA_COMPLETE : DQA_WAITING;
    }
    if (progress > left) {
      return DQA_BROKEN;
    }
    left -= progress;
  }
}

dqa_status dqa_run_to_end(struct dqa_run *run, uint32_t *dropped) {
  for (;;) {
    if (dqa_run_phase(run) != DQA_COMPLETE) {
      return DQA_ERROR_STALLED;
    }
    for (uint32_t i = run->first_op; i < run->end_op && dropped != NULL; ++i) {
      dropped[output_of(run->model, i)] += dqa_state_of(run, i)->output.dropped;
    }
    if (run->end_op == run->model->op_count) {
      return DQA_OK;
    }
    dqa_start_phase(run, run->end_op);
  }
}
