/* dqa: checks that the buffers of each layout lie inside its arena. */
#include "run.h"

/* bytes: 0 if the buffer is not in the arena. */
static bool place_valid(uint32_t place, uint32_t bytes, uint32_t arena_size) {
  return bytes == 0 ? place == DQA_NOWHERE : (place & 3u) == 0 && place <= arena_size && bytes <= arena_size - place;
}

/* Every buffer of a layout lies inside its arena. */
static bool layout_valid(const dqa_model *model, uint32_t layout, uint32_t edges_outside) {
  const uint32_t arena_size = dqa_arena_size(model, layout);
  for (uint32_t number = 0; number < model->edge_count; ++number) {
    const uint32_t capacity = dqa_u32(dqa_edge_record(model, number) + DQA_EDGE_CAPACITY);
    if (!place_valid(dqa_place_of_edge(model, layout, number), number < edges_outside ? 0 : capacity, arena_size)) {
      return false;
    }
  }
  for (uint32_t number = 0; number < model->op_count; ++number) {
    struct dqa_op op;
    dqa_op_at(model, number, &op);
    if (!place_valid(dqa_place_of_scratch(model, layout, number), op.scratch_bytes, arena_size) ||
        !place_valid(dqa_place_of_transient(model, layout, number), dqa_transient_bytes(&op), arena_size)) {
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

bool dqa_layouts_valid(const dqa_model *model) {
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
