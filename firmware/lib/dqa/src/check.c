/* dqa: dqa_load checks a program once, from the outside in: bytes, header, edges, operators, order, buffers.
 *
 * Each step relies on those before it. Cost: a CRC over the program, one look at every table, and op_count^2 / 2 looks
 * for the order of the operators. */
#include "dqa_internal.h"

bool dqa_in_program(const dqa_model *model, uint32_t offset, uint32_t count, uint32_t size) {
  return (offset & 3u) == 0 && offset >= DQA_HEADER_BYTES && offset <= model->size &&
         count <= (model->size - offset) / size;
}

bool dqa_all_zero(const uint8_t *bytes, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    if (bytes[i] != 0) {
      return false;
    }
  }
  return true;
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
  model->arena_size = dqa_u32(bytes + DQA_HEADER_ARENA_SIZES + 4 * model->layout);
  const bool counts = model->edge_count >= 1 && model->edge_count <= DQA_MAX_COUNT && model->op_count >= 1 &&
                      model->op_count <= DQA_MAX_COUNT && model->input_count >= 1 &&
                      model->input_count <= DQA_MAX_ENDS && model->output_count >= 1 &&
                      model->output_count <= DQA_MAX_ENDS &&
                      model->input_count + model->output_count <= model->edge_count;
  const bool tables =
      dqa_in_program(model, dqa_u32(bytes + DQA_HEADER_EDGES), model->edge_count, DQA_EDGE_BYTES) &&
      dqa_in_program(model, dqa_u32(bytes + DQA_HEADER_OPERATORS), model->op_count, DQA_OPERATOR_BYTES) &&
      dqa_in_program(model, layouts, 2u * (uint32_t)(model->edge_count + model->op_count), 4);
  const bool reserved = dqa_all_zero(bytes + DQA_HEADER_RESERVED_1, 2) &&
                        dqa_all_zero(bytes + DQA_HEADER_RESERVED_2, DQA_HEADER_BYTES - DQA_HEADER_RESERVED_2);
  return counts && tables && reserved ? DQA_OK : DQA_ERROR_HEADER;
}

static bool written_before(const dqa_model *model, uint32_t edge, uint32_t op_number) {
  const uint8_t *ops = model->bytes + dqa_u32(model->bytes + DQA_HEADER_OPERATORS);
  for (uint32_t i = 0; i < op_number; ++i) {
    if (dqa_u16(ops + i * DQA_OPERATOR_BYTES + DQA_OPERATOR_OUTPUT) == edge) {
      return true;
    }
  }
  return false;
}

/* Every edge but the inputs is written by one operator, and before it is read. */
static bool order_valid(const dqa_model *model) {
  if (model->edge_count - model->input_count != model->op_count) {
    return false;
  }
  for (uint32_t number = 0; number < model->op_count; ++number) {
    struct dqa_op op;
    dqa_op_at(model, number, &op);
    if (op.output_number < model->input_count || written_before(model, op.output_number, number)) {
      return false;
    }
    for (uint32_t i = 0; i < op.input_count; ++i) {
      const uint32_t edge = dqa_op_input(&op, i);
      if (edge >= model->input_count && !written_before(model, edge, number)) {
        return false;
      }
    }
  }
  return true;
}

static bool place_valid(uint32_t place, uint32_t bytes, uint32_t arena_size) {
  return (place & 3u) == 0 && place <= arena_size && bytes <= arena_size - place;
}

/* Every buffer of a layout lies inside its arena. */
static bool layout_valid(const dqa_model *model, uint32_t layout) {
  const uint32_t arena_size = dqa_u32(model->bytes + DQA_HEADER_ARENA_SIZES + 4 * layout);
  const uint32_t ends = (uint32_t)model->input_count + model->output_count;
  const uint32_t buffers = (uint32_t)model->edge_count + model->op_count;
  const uint8_t *places = model->bytes + dqa_u32(model->bytes + DQA_HEADER_LAYOUTS) + 4 * layout * buffers;
  for (uint32_t number = 0; number < model->edge_count; ++number, places += 4) {
    struct dqa_edge edge;
    dqa_edge_at(model, number, &edge);
    const bool callers = layout == DQA_LAYOUT_EXTERNAL && number < ends;
    if (callers ? dqa_u32(places) != DQA_CALLERS_BUFFER : !place_valid(dqa_u32(places), edge.capacity, arena_size)) {
      return false;
    }
  }
  for (uint32_t number = 0; number < model->op_count; ++number, places += 4) {
    struct dqa_op op;
    dqa_op_at(model, number, &op);
    if (!place_valid(dqa_u32(places), op.scratch_bytes, arena_size)) {
      return false;
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
  if (status == DQA_OK && !(layout_valid(model, DQA_LAYOUT_INTERNAL) && layout_valid(model, DQA_LAYOUT_EXTERNAL))) {
    return DQA_ERROR_LAYOUT;
  }
  return status;
}

dqa_status dqa_load(dqa_model *model, const void *program, size_t size, dqa_operator_table operators, int layout) {
  if (model == NULL || program == NULL || operators == NULL ||
      (layout != DQA_LAYOUT_INTERNAL && layout != DQA_LAYOUT_EXTERNAL)) {
    return DQA_ERROR_ARGUMENT;
  }
  memset(model, 0, sizeof *model);
  dqa_model checked = {0};
  dqa_status status = check_bytes(program, size);
  if (status == DQA_OK) {
    checked.bytes = program;
    checked.operators = operators;
    checked.size = (uint32_t)size;
    checked.layout = (uint8_t)layout;
    status = check_header(&checked);
  }
  if (status == DQA_OK) {
    status = check_records(&checked);
  }
  if (status == DQA_OK) {
    *model = checked;
  }
  return status;
}
