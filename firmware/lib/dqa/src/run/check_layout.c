/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: checks that the buffers of each layout lie inside its arena, or inside the first output. */
#include "check.h"

#include "../operators/scratch.h"

/* The memory of a layout: its arena and, where it is the caller's, the first output. */
struct room {
  uint32_t arena, output;
};

/* bytes: 0 if the buffer has no place. */
static bool place_valid(uint32_t place, uint32_t bytes, struct room room) {
  if (bytes == 0) {
    return place == DQA_NOWHERE;
  }
  const uint32_t size = place & DQA_IN_OUTPUT ? room.output : room.arena, offset = place & ~DQA_IN_OUTPUT;
  return (offset & 3u) == 0 && offset <= size && bytes <= size - offset;
}

/* Every buffer of a layout lies inside its memory. */
static bool layout_valid(const dqa_model *model, uint32_t layout, uint32_t edges_outside) {
  const bool external = layout == DQA_LAYOUT_EXTERNAL;
  const struct room room = {dqa_arena_size(model, layout), external ? dqa_edge_capacity(model, model->input_count) : 0};
  if (room.arena >= DQA_IN_OUTPUT) {
    return false;
  }
  for (uint32_t number = 0; number < model->edge_count; ++number) {
    const uint32_t capacity = dqa_edge_capacity(model, number);
    if (!place_valid(dqa_place_of_edge(model, layout, number), number < edges_outside ? 0 : capacity, room)) {
      return false;
    }
  }
  for (uint32_t number = 0; number < model->op_count; ++number) {
    struct dqa_op op;
    dqa_op_at(model, number, &op);
    if (!place_valid(dqa_place_of_scratch(model, layout, number), op.scratch_bytes, room) ||
        !place_valid(dqa_place_of_transient(model, layout, number), dqa_transient_bytes(&op), room)) {
      return false;
    }
  }
  return true;
}

static bool layout_is_absent(const dqa_model *model, uint32_t layout) {
  const uint8_t *places = model->bytes + dqa_u32(model->bytes + DQA_HEADER_LAYOUTS);
  const uint32_t buffers = model->edge_count + 2u * model->op_count;
  for (uint32_t i = 0; i < buffers; ++i) {
    if (dqa_u32(places + 4 * (layout * buffers + i)) != DQA_NOWHERE) {
      return false;
    }
  }
  return dqa_arena_size(model, layout) == DQA_NOWHERE;
}

/* Rows are pushed in the first phase: later ones cannot read the input. */
static bool input_is_read_in_first_phase(const dqa_model *model) {
  for (uint32_t number = 0; number < model->op_count; ++number) {
    struct dqa_op op;
    dqa_op_at(model, number, &op);
    for (uint32_t i = 0; i < op.input_count && dqa_op_phase(model, number) > 0; ++i) {
      if (dqa_op_input(&op, i) == 0) {
        return false;
      }
    }
  }
  return true;
}

DQA_COLD bool dqa_layouts_valid(const dqa_model *model) {
  const uint32_t inputs = model->input_count, ends = inputs + model->output_count;
  if (!layout_valid(model, DQA_LAYOUT_INTERNAL, 0) || !layout_valid(model, DQA_LAYOUT_EXTERNAL, ends)) {
    return false;
  }
  if (layout_is_absent(model, DQA_LAYOUT_PUSHED)) {
    return model->layout != DQA_LAYOUT_PUSHED;
  }
  return inputs == 1 && dqa_arena_size(model, DQA_LAYOUT_PUSHED) != DQA_NOWHERE &&
         layout_valid(model, DQA_LAYOUT_PUSHED, inputs) && input_is_read_in_first_phase(model);
}
