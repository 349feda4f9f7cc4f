/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: what an operator keeps through its phase, and where its input rows are. */
#include "scratch.h"

/* The state, then for each input its ring and its row of padding, then what it keeps. */
static uint32_t state_bytes(uint32_t input_count) {
  return (uint32_t)(sizeof(struct dqa_op_state) + input_count * sizeof(struct dqa_input_state));
}

static uint32_t kept_bytes(const struct dqa_op *op) {
  if (op->methods->kept_bytes != NULL) {
    return op->methods->kept_bytes(op);
  }
  return dqa_accumulates(op) ? 4u * op->output.channels : 0;
}

DQA_COLD uint32_t dqa_scratch_bytes(const struct dqa_op *op) {
  uint32_t bytes = state_bytes(op->input_count);
  for (uint32_t i = 0; i < op->input_count; ++i) {
    struct dqa_edge input;
    struct dqa_view view;
    dqa_edge_at(op->model, dqa_op_input(op, i), &input);
    dqa_view_of(op, &input, &view);
    bytes += dqa_view_ring_bytes(&view) + dqa_view_padding_bytes(&view);
  }
  return bytes + kept_bytes(op);
}

static uint32_t packed_row_bytes(const struct dqa_op *op) {
  return op->output.storage == DQA_MAP || op->output.storage == DQA_CODED ? dqa_align(op->output.row_values) : 0;
}

/* Weights per output channel that it decodes ahead of their use, twice; 0: none. */
static uint32_t decoded_weights(const struct dqa_op *op) {
  const bool ahead = op->weight_encoding != DQA_WEIGHTS_INT8 && op->methods->traits & DQA_DECODES_AHEAD;
  return ahead ? (uint32_t)op->window.kernel_h * op->window.kernel_w * op->input.channels : 0;
}

DQA_COLD uint32_t dqa_transient_bytes(const struct dqa_op *op) {
  const uint32_t block = op->block > 0 ? op->methods->block_bytes(op) : 0;
  const uint32_t decoded = dqa_align(2 * decoded_weights(op)), room = dqa_align(block);
  return packed_row_bytes(op) + (decoded > room ? decoded : room);
}

int8_t *dqa_room_of(const struct dqa_op *op) { return dqa_transient_at(op->memory, op->number) + packed_row_bytes(op); }

int32_t *dqa_accumulators_of(const struct dqa_op *op) {
  return (int32_t *)(void *)(dqa_scratch_at(op->memory, op->number) + op->scratch_bytes - kept_bytes(op));
}

void dqa_find_source(const struct dqa_op *op, uint32_t input, struct dqa_source *source) {
  struct dqa_ring *ring = &source->ring;
  int8_t *at = (int8_t *)dqa_scratch_at(op->memory, op->number) + state_bytes(op->input_count);
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
  ring->slots = (int8_t *)dqa_edge_data(op->memory, number);
  ring->rows = 1;
  ring->row_bytes = source->edge.row_values;
  if (!dqa_is_pushed(op->model, number)) {
    ring->rows = dqa_edge_slots(&source->edge);
    ring->row_bytes = source->edge.capacity / ring->rows;
  }
}

void dqa_ring_of(const struct dqa_op *op, uint32_t input, struct dqa_ring *ring) {
  if (input == 0) {
    *ring = op->source->ring;
    return;
  }
  struct dqa_source source;
  dqa_find_source(op, input, &source);
  *ring = source.ring;
}

static void fill(const struct dqa_edge *edge, int8_t *values, uint32_t bytes) {
  dqa_fill_zero_points(edge, values, bytes / edge->channels);
}

DQA_COLD void dqa_start_op(const struct dqa_memory *memory, uint32_t number) {
  struct dqa_op op;
  dqa_op_at(memory->model, number, &op);
  op.memory = memory;
  memset(dqa_state_of(memory, number), 0, state_bytes(op.input_count));
  dqa_state_of(memory, number)->mark = DQA_STATE_BEGUN;
  for (uint32_t i = 0; i < op.input_count; ++i) {
    struct dqa_source source;
    dqa_find_source(&op, i, &source);
    if (source.view.direct && !dqa_accumulates(&op) && !dqa_is_pushed(op.model, dqa_op_input(&op, i))) {
      dqa_input_state_of(memory, number, i)->taken = dqa_first_row(dqa_op_span(&op, i, 0));
    }
    if (!source.view.direct && source.view.row_bytes != source.edge.row_values) {
      fill(&source.edge, source.ring.slots, source.view.rows * source.view.row_bytes);
    }
    if (source.view.padding_row) {
      fill(&source.edge, (int8_t *)source.ring.padding, source.view.row_bytes);
    }
  }
}
