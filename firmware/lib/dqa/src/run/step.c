/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: one operator goes on: takes the input rows it can, writes the output rows it can.
 *
 * Rows of its own rings are taken as soon as they are there, no further than the next output row needs; rows before
 * those are skipped. Stack: with the row method of a convolution about 1 kB. */
#include "step.h"

#include "profile.h"

/* Whether rows go through a coder. */
static bool is_packed(const struct dqa_edge *edge) { return edge->storage == DQA_MAP || edge->storage == DQA_CODED; }

/* Copies the next row of an input into its slot, or skips it. */
static void copy(const struct dqa_op *op, uint32_t number, const struct dqa_source *source,
                 struct dqa_input_state *state, bool needed) {
  const struct dqa_edge *edge = &source->edge;
  int8_t *const values = needed ? dqa_ring_slot(&source->ring, state->taken) + source->view.left_bytes : NULL;
  const uint8_t *const data = dqa_edge_data(op->memory, number);
  const bool whole = dqa_is_whole_map(edge);
  if (!whole && !needed) {
    return;
  }
  const uint32_t offset = whole                              ? state->offset
                          : dqa_is_pushed(op->model, number) ? 0
                                                             : dqa_row_offset(edge, state->taken);
  if (!is_packed(edge)) {
    dqa_read_row(edge, data + offset, values);
    return;
  }
  const struct dqa_coder *const coder = dqa_coder_of(op->model, edge->storage);
  const uint8_t *const next = coder->read_row(op->model, edge, data + offset, data + edge->capacity, values);
  state->offset = whole ? (uint32_t)(next - data) : state->offset;
}

/* The end of a span inside of the input. */
static uint32_t span_end(struct dqa_span span, uint32_t height) {
  const int32_t end = span.first + (int32_t)span.count;
  return end < 0 ? 0 : (uint32_t)end > height ? height : (uint32_t)end;
}

/* Whether row y of an input can still be read: a pushed row only while it is pushed. */
static bool readable(const struct dqa_run *run, uint32_t edge, uint32_t y) {
  return !dqa_is_pushed(run->memory.model, edge) || (run->memory.pushed != NULL && y + 1u == run->pushed_rows);
}

/* The most rows that an edge can have: of one without end as many as were pushed. */
static uint32_t most_rows(const struct dqa_run *run, uint32_t height) {
  return height == DQA_ENDLESS ? run->pushed_rows : height;
}

/* Brings the rows of an input that output row y needs: COMPLETE if they are all there. */
static DQA_NOINLINE enum dqa_progress fetch(const struct dqa_run *run, const struct dqa_op *op,
                                            const struct dqa_source *source, uint32_t input, uint32_t y,
                                            uint32_t *rows) {
  const uint32_t number = dqa_op_input(op, input);
  const struct dqa_span span = dqa_op_span(op, input, y);
  const uint32_t end = span_end(span, source->edge.height);
  const uint32_t available = dqa_rows_available(run, op->number, number, source->edge.height);
  const bool accumulates = dqa_accumulates(op), direct = source->view.direct;
  if (direct && !accumulates) {
    const uint32_t first = dqa_first_row(span);
    dqa_input_state_of(op->memory, op->number, input)->taken = first;
    return available < end ? DQA_WAITING : first >= end || readable(run, number, first) ? DQA_COMPLETE : DQA_BROKEN;
  }
  struct dqa_input_state *const stored = dqa_input_state_of(op->memory, op->number, input);
  struct dqa_input_state state = *stored;
  if (state.taken > most_rows(run, source->edge.height) || state.offset > source->edge.capacity) {
    return DQA_BROKEN;
  }
  const uint32_t most = state.taken + (dqa_is_endless(op->model) ? 1u : end); /* one for each that is pushed */
  for (; state.taken < end && state.taken < available && state.taken < most; ++state.taken, ++*rows) {
    if (!readable(run, number, state.taken)) {
      return DQA_BROKEN;
    }
    if (!direct) {
      copy(op, number, source, &state, (int32_t)state.taken >= span.first);
    }
    if (accumulates) {
      dqa_part_of(op)->accumulate(op, state.taken, dqa_ring_slot(&source->ring, state.taken), dqa_accumulators_of(op));
    }
  }
  *stored = state;
  return state.taken < end ? DQA_WAITING : DQA_COMPLETE;
}

/* The same of an input that is not the first. Functions of their own, so that a row does without their stack. */
static DQA_NOINLINE enum dqa_progress fetch_another(const struct dqa_run *run, const struct dqa_op *op, uint32_t input,
                                                    uint32_t y, uint32_t *rows) {
  struct dqa_source source;
  dqa_find_source(op, input, &source);
  return fetch(run, op, &source, input, y, rows);
}

static enum dqa_progress fetch_all(const struct dqa_run *run, const struct dqa_op *op, uint32_t y, uint32_t *rows) {
  enum dqa_progress worst = DQA_COMPLETE;
  for (uint32_t i = 0; i < op->input_count; ++i) {
    const enum dqa_progress one = i == 0 ? fetch(run, op, op->source, i, y, rows) : fetch_another(run, op, i, y, rows);
    worst = one > worst ? one : worst;
  }
  return worst;
}

/* Writes the next row of the output and stores it as the edge wants it. */
static void produce(const struct dqa_op *op, struct dqa_writer *writer) {
  const struct dqa_edge *const edge = &op->output;
  uint8_t *const data = dqa_edge_data(op->memory, op->output_number);
  const bool whole = dqa_is_whole_map(edge);
  uint8_t *const place = whole ? data : data + dqa_row_offset(edge, writer->row);
  int8_t *const values = is_packed(edge) ? dqa_transient_at(op->memory, op->number) : (int8_t *)place;
  dqa_part_of(op)->row(op, writer->row, dqa_accumulates(op) ? dqa_accumulators_of(op) : NULL, values);
  dqa_profile_row(op->number, values, edge->row_values);
  if (is_packed(edge)) {
    struct dqa_writer first = {0}; /* a row of a ring is the first of a map */
    dqa_coder_of(op->model, edge->storage)->write_row(op->model, whole ? writer : &first, edge, place, values);
  } else if (edge->storage == DQA_RAW_UINT8) {
    dqa_turn_signs(place, place, edge->row_values);
  }
  writer->row += whole ? 0 : 1;
}

/* The rows written leave room for the others. */
static bool state_valid(const struct dqa_run *run, const struct dqa_op_state *state, const struct dqa_edge *output) {
  const struct dqa_writer *const writer = &state->output;
  if (state->mark != DQA_STATE_BEGUN || writer->row > most_rows(run, output->height)) {
    return false;
  }
  const uint32_t written = output->storage == DQA_CODED ? writer->row : 0; /* whose bytes `extra` counts */
  return !dqa_is_whole_map(output) ||
         writer->extra <= output->capacity - (output->height - written) * dqa_map_base_bytes(output);
}

/* The row before which the output has room: in a ring a row takes the slot of one that nobody needs. */
static uint32_t end_of_room(const struct dqa_run *run, const struct dqa_op *op) {
  const uint32_t rows = op->output.ring_rows, height = op->output.height;
  const uint32_t needed = rows > 0 ? dqa_first_needed(run, op->number + 1u, op->output_number, height) : height;
  return height - needed > rows ? needed + rows : height;
}

enum dqa_progress dqa_step(const struct dqa_run *run, uint32_t number, uint32_t *rows) {
  struct dqa_op op;
  struct dqa_op_state *const state = dqa_state_of(&run->memory, number);
  dqa_op_at(run->memory.model, number, &op);
  op.memory = &run->memory;
  if (!state_valid(run, state, &op.output)) {
    return DQA_BROKEN;
  }
  struct dqa_source source;
  dqa_find_source(&op, 0, &source);
  op.source = &source;
  struct dqa_writer writer = state->output;
  enum dqa_progress progress = DQA_COMPLETE;
  uint32_t room_end = 0;
  while (writer.row < op.output.height) {
    progress = fetch_all(run, &op, writer.row, rows);
    if (progress != DQA_COMPLETE) {
      break;
    }
    room_end = room_end > 0 ? room_end : end_of_room(run, &op);
    if (writer.row >= room_end || (dqa_is_endless(op.model) && writer.row > state->output.row)) {
      progress = DQA_FULL;
      break;
    }
    produce(&op, &writer);
    ++*rows;
  }
  state->output = writer;
  return progress;
}
