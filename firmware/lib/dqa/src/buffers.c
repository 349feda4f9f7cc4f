/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: where the buffers of a run lie. A program's layout places edges, then scratch, then transient rows. */
#include "run.h"

static uint32_t place_of(const dqa_model *model, uint32_t layout, uint32_t buffer) {
  const uint32_t buffers = model->edge_count + 2u * model->op_count;
  const uint8_t *places = model->bytes + dqa_u32(model->bytes + DQA_HEADER_LAYOUTS);
  return dqa_u32(places + 4 * (layout * buffers + buffer));
}

uint32_t dqa_place_of_edge(const dqa_model *model, uint32_t layout, uint32_t number) {
  return place_of(model, layout, number);
}

uint32_t dqa_place_of_scratch(const dqa_model *model, uint32_t layout, uint32_t number) {
  return place_of(model, layout, model->edge_count + number);
}

uint32_t dqa_place_of_transient(const dqa_model *model, uint32_t layout, uint32_t number) {
  return place_of(model, layout, (uint32_t)model->edge_count + model->op_count + number);
}

static uint8_t *memory_at(const struct dqa_run *run, uint32_t place) {
  return place & DQA_IN_OUTPUT ? (uint8_t *)run->outputs[0] + (place & ~DQA_IN_OUTPUT) : run->arena + place;
}

uint8_t *dqa_edge_data(const struct dqa_run *run, uint32_t number) {
  const dqa_model *model = run->model;
  const uint32_t outputs_end = (uint32_t)model->input_count + model->output_count;
  if (dqa_is_pushed(model, number)) {
    return (uint8_t *)run->pushed;
  }
  if (model->layout == DQA_LAYOUT_EXTERNAL && number < outputs_end) {
    const bool is_input = number < model->input_count;
    return is_input ? (uint8_t *)run->inputs[number] : run->outputs[number - model->input_count];
  }
  return memory_at(run, dqa_place_of_edge(model, model->layout, number));
}

int8_t *dqa_transient_of(const struct dqa_run *run, uint32_t number) {
  return (int8_t *)memory_at(run, dqa_place_of_transient(run->model, run->model->layout, number));
}

/* The arena, the first output and every place in them are aligned to 4 bytes. */
struct dqa_op_state *dqa_state_of(const struct dqa_run *run, uint32_t number) {
  return (void *)memory_at(run, dqa_place_of_scratch(run->model, run->model->layout, number));
}

struct dqa_input_state *dqa_input_state_of(const struct dqa_run *run, uint32_t number, uint32_t input) {
  return (struct dqa_input_state *)(void *)(dqa_state_of(run, number) + 1) + input;
}

/* Scratch holds the state, then for each input its ring and its row of padding, then the accumulators. */
void dqa_source_of(const struct dqa_op *op, uint32_t input, struct dqa_source *source) {
  struct dqa_ring *ring = &source->ring;
  int8_t *at = (int8_t *)dqa_state_of(op->run, op->number) + dqa_state_bytes(op->input_count);
  source->edge = op->input;
  dqa_view_of(op, &source->edge, &source->view);
  for (uint32_t i = 1; i <= input; ++i) {
    at += dqa_view_ring_bytes(&source->view) + dqa_view_padding_bytes(&source->view);
    dqa_edge_at(op->model, dqa_op_input(op, i), &source->edge);
    dqa_view_of(op, &source->edge, &source->view);
  }
  ring->height = source->edge.height;
  ring->padding = source->view.padding_row ? at + dqa_view_ring_bytes(&source->view) : NULL;
  if (!source->view.direct) {
    ring->slots = at;
    ring->rows = source->view.rows;
    ring->row_bytes = source->view.row_bytes;
    return;
  }
  const uint32_t number = dqa_op_input(op, input);
  ring->slots = (int8_t *)dqa_edge_data(op->run, number);
  ring->rows = 1;
  ring->row_bytes = source->edge.row_values;
  if (!dqa_is_pushed(op->model, number)) {
    ring->rows = dqa_edge_slots(&source->edge);
    ring->row_bytes = source->edge.capacity / ring->rows;
  }
}

void dqa_ring_of(const struct dqa_op *op, uint32_t input, struct dqa_ring *ring) {
  struct dqa_source source;
  dqa_source_of(op, input, &source);
  *ring = source.ring;
}

static void fill(const struct dqa_edge *edge, int8_t *values, uint32_t bytes) {
  dqa_fill_zero_points(edge, values, bytes / edge->channels);
}

void dqa_start_op(const struct dqa_run *run, uint32_t number) {
  struct dqa_op op;
  dqa_op_at(run->model, number, &op);
  op.run = run;
  memset(dqa_state_of(run, number), 0, dqa_state_bytes(op.input_count));
  dqa_state_of(run, number)->mark = DQA_STATE_BEGUN;
  for (uint32_t i = 0; i < op.input_count; ++i) {
    struct dqa_source source;
    dqa_source_of(&op, i, &source);
    if (!source.view.direct && source.view.row_bytes != source.edge.row_values) {
      fill(&source.edge, source.ring.slots, source.view.rows * source.view.row_bytes);
    }
    if (source.view.padding_row) {
      fill(&source.edge, (int8_t *)source.ring.padding, source.view.row_bytes);
    }
  }
}
