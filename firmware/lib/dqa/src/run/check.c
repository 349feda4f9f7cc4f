/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: dqa_load checks a program once, from the outside in: bytes, header, edges, operators, order, buffers.
 *
 * Each step relies on those before it. Cost: a CRC over the program, one look at every table, and op_count^2 / 2 looks
 * for the order of the operators. */
#include "check.h"

#include "../format/bounds.h"
#include "../format/edge.h"
#include "../operators/operator.h"
#include "arguments.h"
#include "endless.h"

uint32_t dqa_program_size(const void *program, size_t room) {
  const uint8_t *bytes = program;
  if (bytes == NULL || room < DQA_HEADER_BYTES || dqa_u32(bytes + DQA_HEADER_MAGIC) != DQA_MAGIC) {
    return 0;
  }
  const uint32_t size = dqa_u32(bytes + DQA_HEADER_PROGRAM_SIZE);
  return size >= DQA_HEADER_BYTES && size <= room ? size : 0;
}

static dqa_status check_bytes(const uint8_t *bytes, size_t size) {
  if (size < DQA_HEADER_BYTES) {
    return DQA_ERROR_TRUNCATED;
  }
  if (dqa_u32(bytes + DQA_HEADER_MAGIC) != DQA_MAGIC) {
    return DQA_ERROR_MAGIC;
  }
  if (dqa_u16(bytes + DQA_HEADER_VERSION) != DQA_VERSION) {
    return DQA_ERROR_VERSION;
  }
  const uint32_t program_size = dqa_u32(bytes + DQA_HEADER_PROGRAM_SIZE);
  if (program_size > size) {
    return DQA_ERROR_TRUNCATED;
  }
  if (dqa_u16(bytes + DQA_HEADER_SIZE) != DQA_HEADER_BYTES || program_size < size || (program_size & 3u) != 0) {
    return DQA_ERROR_HEADER;
  }
  const uint32_t crc = dqa_crc32(0, bytes + DQA_HEADER_CRC_FROM, program_size - DQA_HEADER_CRC_FROM);
  return crc == dqa_u32(bytes + DQA_HEADER_CRC) ? DQA_OK : DQA_ERROR_CHECKSUM;
}

/* Fills the model from a header whose bytes are intact. */
static dqa_status check_header(dqa_model *model) {
  const uint8_t *bytes = model->bytes;
  const uint32_t layouts = dqa_u32(bytes + DQA_HEADER_LAYOUTS);
  model->edge_count = dqa_u16(bytes + DQA_HEADER_EDGE_COUNT);
  model->op_count = dqa_u16(bytes + DQA_HEADER_OP_COUNT);
  model->input_count = bytes[DQA_HEADER_INPUT_COUNT];
  model->output_count = bytes[DQA_HEADER_OUTPUT_COUNT];
  model->arena_size = dqa_arena_size(model, model->layout);
  const bool counts = model->edge_count >= 1 && model->edge_count <= DQA_MAX_COUNT && model->op_count >= 1 &&
                      model->op_count <= DQA_MAX_COUNT && model->input_count >= 1 &&
                      model->input_count <= DQA_MAX_ENDS && model->output_count >= 1 &&
                      model->output_count <= DQA_MAX_ENDS &&
                      model->input_count + model->output_count <= model->edge_count;
  const bool tables =
      dqa_in_program(model, dqa_u32(bytes + DQA_HEADER_EDGES), model->edge_count, DQA_EDGE_BYTES) &&
      dqa_in_program(model, dqa_u32(bytes + DQA_HEADER_OPERATORS), model->op_count, DQA_OPERATOR_BYTES) &&
      dqa_in_program(model, layouts, DQA_LAYOUTS * (model->edge_count + 2u * model->op_count), 4);
  const bool reserved = dqa_all_zero(bytes + DQA_HEADER_RESERVED_1, 2) &&
                        dqa_all_zero(bytes + DQA_HEADER_RESERVED_2, DQA_HEADER_BYTES - DQA_HEADER_RESERVED_2);
  return counts && tables && reserved ? DQA_OK : DQA_ERROR_HEADER;
}

/* The operator before this one that writes an edge; this one if there is none. */
static uint32_t writer_before(const dqa_model *model, uint32_t edge, uint32_t op_number) {
  uint32_t number = 0;
  while (number < op_number && dqa_u16(dqa_op_record(model, number) + DQA_OPERATOR_OUTPUT) != edge) {
    ++number;
  }
  return number;
}

/* An edge is an input or written before it is read; a ring is read in the phase that writes it. */
static bool input_valid(const dqa_model *model, uint32_t edge, uint32_t op_number) {
  const uint32_t writer = writer_before(model, edge, op_number);
  const bool is_ring = dqa_u16(dqa_edge_record(model, edge) + DQA_EDGE_RING_ROWS) > 0;
  return edge < model->input_count ||
         (writer < op_number && (!is_ring || dqa_op_phase(model, writer) == dqa_op_phase(model, op_number)));
}

/* Every edge but the inputs is written by one operator, and before it is read; phases are 0, 1, ... */
static bool order_valid(const dqa_model *model) {
  uint32_t next_phase = 0; /* the highest an operator may have */
  if (model->edge_count - model->input_count != model->op_count) {
    return false;
  }
  for (uint32_t number = 0; number < model->op_count; ++number) {
    const uint32_t phase = dqa_op_phase(model, number);
    struct dqa_op op;
    dqa_op_at(model, number, &op);
    if (op.output_number < model->input_count || writer_before(model, op.output_number, number) < number ||
        phase > next_phase || phase + 1 < next_phase) {
      return false;
    }
    next_phase = phase + 1;
    for (uint32_t i = 0; i < op.input_count; ++i) {
      if (!input_valid(model, dqa_op_input(&op, i), number)) {
        return false;
      }
    }
  }
  return true;
}

static dqa_status check_records(const dqa_model *model) {
  dqa_status status = DQA_OK;
  for (uint32_t i = 0; i < model->edge_count && status == DQA_OK; ++i) {
    status = dqa_check_edge(model, i);
  }
  for (uint32_t i = 0; i < model->op_count && status == DQA_OK; ++i) {
    status = dqa_check_operator(model, i);
  }
  if (status == DQA_OK && !order_valid(model)) {
    return DQA_ERROR_OPERATOR;
  }
  if (status == DQA_OK && !dqa_layouts_valid(model)) {
    return DQA_ERROR_LAYOUT;
  }
  if (status == DQA_OK && dqa_period(model) > 0) {
    const struct dqa_endless *const endless = dqa_endless_of(model);
    return endless == NULL ? DQA_ERROR_UNKNOWN_OPERATOR : endless->valid(model) ? DQA_OK : DQA_ERROR_OPERATOR;
  }
  return status;
}

DQA_COLD dqa_status dqa_load(dqa_model *model, const void *program, size_t size, dqa_operator_table operators,
                             int layout) {
  if (dqa_is_misplaced(model, sizeof model->bytes)) {
    return DQA_ERROR_ARGUMENT;
  }
  memset(model, 0, sizeof *model);
  if (program == NULL || dqa_is_misplaced(operators, sizeof *operators) || layout < 0 ||
      layout > DQA_LAYOUT_CONTINUOUS) {
    return DQA_ERROR_ARGUMENT;
  }
  dqa_model checked = {0};
  dqa_status status = check_bytes(program, size);
  if (status == DQA_OK) {
    checked.bytes = program;
    checked.operators = operators;
    checked.size = (uint32_t)size;
    checked.layout = (uint8_t)dqa_table_of((uint32_t)layout); /* heights are checked as they are */
    status = check_header(&checked);
  }
  if (status == DQA_OK) {
    status = check_records(&checked);
  }
  if (status == DQA_OK && layout == DQA_LAYOUT_CONTINUOUS) {
    status = dqa_period(&checked) > 0 ? DQA_OK : DQA_ERROR_LAYOUT;
    checked.layout = DQA_LAYOUT_CONTINUOUS;
  }
  if (status == DQA_OK) {
    *model = checked;
    model->mark = DQA_MODEL_MARK;
  }
  return status;
}
