/* dqa: runs the operators of a checked program in order, row by row.
 *
 * An operator's scratch holds, one after the other and each aligned to 4 bytes: the ring of each input, its row of
 * padding if it has one, the accumulators, one output row. Stack: about 0.9 kB. */
#include "dqa_internal.h"

/* Where the edges of a run lie. */
struct run {
  const dqa_model *model;
  uint8_t *arena;
  const void *const *inputs;
  void *const *outputs;
};

struct input {
  struct dqa_reader reader;
  uint32_t rows_read;
  uint32_t left_bytes;
};

/* The offset of a buffer in the arena: edges first, then the scratch of each operator. */
static uint32_t place_of(const dqa_model *model, uint32_t buffer) {
  const uint32_t buffers = (uint32_t)model->edge_count + model->op_count;
  const uint32_t layouts = dqa_u32(model->bytes + DQA_HEADER_LAYOUTS);
  return dqa_u32(model->bytes + layouts + 4 * (model->layout * buffers + buffer));
}

static const uint8_t *readable_edge(const struct run *run, uint32_t number) {
  if (run->model->layout == DQA_LAYOUT_EXTERNAL && number < run->model->input_count) {
    return run->inputs[number];
  }
  if (run->model->layout == DQA_LAYOUT_EXTERNAL &&
      number < (uint32_t)run->model->input_count + run->model->output_count) {
    return run->outputs[number - run->model->input_count];
  }
  return run->arena + place_of(run->model, number);
}

/* Operators never write inputs, so the cast gives nothing away. */
static uint8_t *writable_edge(const struct run *run, uint32_t number) { return (uint8_t *)readable_edge(run, number); }

/* Lays out rings and readers in scratch; returns the scratch behind them. */
static uint8_t *start_inputs(const struct run *run, const struct dqa_op *op, uint8_t *scratch, struct dqa_ring *rings,
                             struct input *inputs) {
  for (uint32_t i = 0; i < op->input_count; ++i) {
    struct dqa_edge edge;
    struct dqa_ring_shape shape;
    const uint32_t number = dqa_op_input(op, i);
    dqa_edge_at(run->model, number, &edge);
    dqa_ring_shape_of(op, &edge, &shape);
    dqa_reader_start(&inputs[i].reader, &edge, readable_edge(run, number));
    inputs[i].rows_read = 0;
    inputs[i].left_bytes = shape.left_bytes;
    rings[i].slots = (int8_t *)scratch;
    rings[i].padding = NULL;
    rings[i].row_bytes = shape.row_bytes;
    rings[i].rows = shape.rows;
    rings[i].height = edge.height;
    if (shape.row_bytes != edge.row_values) {
      dqa_fill_zero_points(&edge, rings[i].slots, shape.rows * (shape.row_bytes / edge.channels));
    }
    scratch += dqa_align(shape.rows * shape.row_bytes);
    if (shape.has_padding_row) {
      dqa_fill_zero_points(&edge, (int8_t *)scratch, shape.row_bytes / edge.channels);
      rings[i].padding = (int8_t *)scratch;
      scratch += dqa_align(shape.row_bytes);
    }
  }
  return scratch;
}

/* Reads the rows of a span that the ring does not hold yet; those before the span are skipped. */
static void feed(const struct dqa_op *op, uint32_t index, struct dqa_span span, const struct dqa_ring *ring,
                 struct input *input) {
  const int32_t end = span.first + (int32_t)span.count;
  struct dqa_edge edge;
  if (end <= (int32_t)input->rows_read || input->rows_read == ring->height) {
    return;
  }
  dqa_edge_at(op->model, dqa_op_input(op, index), &edge);
  while ((int32_t)input->rows_read < end && input->rows_read < ring->height) {
    const bool needed = (int32_t)input->rows_read >= span.first;
    int8_t *slot = dqa_ring_slot(ring, input->rows_read) + input->left_bytes;
    dqa_read_row(&input->reader, &edge, needed ? slot : NULL);
    ++input->rows_read;
  }
}

static void accumulate_all(const struct dqa_op *op, const struct dqa_ring *ring, struct input *input, int32_t *acc) {
  for (uint32_t y = 0; y < ring->height; ++y) {
    const struct dqa_span span = {(int32_t)y, 1};
    feed(op, 0, span, ring, input);
    op->methods->accumulate(op, y, dqa_ring_slot(ring, y), acc);
  }
}

/* Returns the rows of the output whose errors did not fit. */
static uint32_t run_operator(const struct run *run, uint32_t number) {
  struct dqa_op op;
  struct dqa_ring rings[DQA_MAX_INPUTS];
  struct input inputs[DQA_MAX_INPUTS];
  struct dqa_writer writer;
  int32_t *acc = NULL;
  dqa_op_at(run->model, number, &op);
  uint8_t *scratch = run->arena + place_of(run->model, run->model->edge_count + number);
  scratch = start_inputs(run, &op, scratch, rings, inputs);
  if (op.methods->accumulate != NULL) {
    acc = (int32_t *)(void *)scratch; /* the arena and every part of scratch are aligned to 4 bytes */
    scratch += 4u * op.output.channels;
    accumulate_all(&op, &rings[0], &inputs[0], acc);
  }
  dqa_writer_start(&writer, writable_edge(run, op.output_number));
  for (uint32_t y = 0; y < op.output.height; ++y) {
    for (uint32_t i = 0; i < op.input_count && acc == NULL; ++i) {
      feed(&op, i, dqa_op_span(&op, i, y), &rings[i], &inputs[i]);
    }
    op.methods->row(&op, y, rings, acc, (int8_t *)scratch);
    dqa_write_row(&writer, &op.output, (int8_t *)scratch);
  }
  return writer.dropped;
}

static bool all_given(const void *const *buffers, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    if (buffers == NULL || buffers[i] == NULL) {
      return false;
    }
  }
  return true;
}

dqa_status dqa_run(const dqa_model *model, void *arena, size_t arena_size, const void *const *inputs,
                   void *const *outputs, uint32_t *dropped) {
  if (model == NULL || model->bytes == NULL) {
    return DQA_ERROR_ARGUMENT;
  }
  if (arena == NULL || arena_size < model->arena_size || ((uintptr_t)arena & 3u) != 0) {
    return DQA_ERROR_ARENA;
  }
  const struct run run = {model, arena, inputs, outputs};
  if (model->layout == DQA_LAYOUT_EXTERNAL &&
      (!all_given(inputs, model->input_count) || !all_given((const void *const *)outputs, model->output_count))) {
    return DQA_ERROR_ARGUMENT;
  }
  for (uint32_t i = 0; i < model->op_count; ++i) {
    const uint32_t rows = run_operator(&run, i);
    if (dropped != NULL) {
      struct dqa_op op;
      dqa_op_at(model, i, &op);
      dropped[op.output_number] += rows;
    }
  }
  return DQA_OK;
}

static uint32_t end_size(const dqa_model *model, uint32_t first, uint32_t count, unsigned index) {
  struct dqa_edge edge;
  if (index >= count) {
    return 0;
  }
  dqa_edge_at(model, first + index, &edge);
  return edge.capacity;
}

uint32_t dqa_input_size(const dqa_model *model, unsigned index) {
  return end_size(model, 0, model->input_count, index);
}

uint32_t dqa_output_size(const dqa_model *model, unsigned index) {
  return end_size(model, model->input_count, model->output_count, index);
}

void *dqa_input(const dqa_model *model, void *arena, unsigned index) {
  if (model->layout != DQA_LAYOUT_INTERNAL || index >= model->input_count) {
    return NULL;
  }
  return (uint8_t *)arena + place_of(model, index);
}

const int8_t *dqa_output(const dqa_model *model, void *arena, unsigned index) {
  if (model->layout != DQA_LAYOUT_INTERNAL || index >= model->output_count) {
    return NULL;
  }
  return (const int8_t *)arena + place_of(model, model->input_count + index);
}

const char *dqa_status_name(dqa_status status) {
  static const char *const names[] = {"ok",
                                      "truncated",
                                      "not a DQA program",
                                      "unknown version",
                                      "checksum differs",
                                      "bad header",
                                      "bad edge",
                                      "bad Huffman table",
                                      "bad operator",
                                      "unknown operator",
                                      "bad buffer layout",
                                      "arena too small",
                                      "bad argument"};
  return (unsigned)status < sizeof names / sizeof names[0] ? names[status] : "unknown status";
}
