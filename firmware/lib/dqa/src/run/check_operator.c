/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: checks what all operators have: record, window, requantization, range of copies, scratch. The rest is op->check.
 */
#include "check.h"

#include "../operators/scratch.h"

/* Fields of the record and the numbers of its edges. */
static dqa_status check_record(const dqa_model *model, const uint8_t *record) {
  const uint32_t kind = record[DQA_OPERATOR_KIND];
  if (kind == DQA_CODED_MAPS || kind >= DQA_KINDS_END || model->operators[kind] == NULL) {
    return DQA_ERROR_UNKNOWN_OPERATOR;
  }
  const struct dqa_operator *methods = model->operators[kind];
  const uint32_t input_count = record[DQA_OPERATOR_INPUT_COUNT];
  const uint32_t inputs = dqa_u32(record + DQA_OPERATOR_INPUTS);
  const uint32_t parameters = dqa_u32(record + DQA_OPERATOR_PARAMETERS);
  const uint32_t parameter_bytes = dqa_u32(record + DQA_OPERATOR_PARAMETER_BYTES);
  if (input_count < methods->min_inputs || input_count > methods->max_inputs ||
      parameter_bytes != methods->parameter_bytes || dqa_u16(record + DQA_OPERATOR_OUTPUT) >= model->edge_count ||
      !dqa_in_program(model, inputs, input_count, 2) ||
      record[DQA_OPERATOR_WEIGHT_ENCODING] > (methods->traits & DQA_CODED_WEIGHTS ? DQA_WEIGHTS_AFFINE : 0)) {
    return DQA_ERROR_OPERATOR;
  }
  if (!(parameter_bytes == 0 && parameters == 0) && !dqa_in_program(model, parameters, parameter_bytes, 1)) {
    return DQA_ERROR_OPERATOR;
  }
  for (uint32_t i = 0; i < input_count; ++i) {
    if (dqa_u16(model->bytes + inputs + 2 * i) >= model->edge_count) {
      return DQA_ERROR_OPERATOR;
    }
  }
  return DQA_OK;
}

/* One axis of a window: size input elements, count outputs. */
static bool axis_fits(uint32_t extent, uint32_t stride, uint32_t pad, uint32_t size, uint32_t count) {
  return stride >= 1 && pad < extent && (count - 1u) * stride < size + pad; /* the last window begins in the input */
}

static bool window_fits(const struct dqa_op *op) {
  const bool transposed = op->methods->traits & DQA_TRANSPOSED;
  const struct dqa_edge *over = transposed ? &op->output : &op->input, *steps = transposed ? &op->input : &op->output;
  const struct dqa_window *w = &op->window;
  if (w->kernel_h == 0 || w->kernel_w == 0 || w->dilation_h == 0 || w->dilation_w == 0 ||
      dqa_window_rows(w) > DQA_MAX_KERNEL_ROWS) {
    return false;
  }
  return axis_fits(dqa_window_rows(w), w->stride_h, w->pad_top, over->height, steps->height) &&
         axis_fits(dqa_window_columns(w), w->stride_w, w->pad_left, over->width, steps->width);
}

/* A padded row is no longer than the longest row of an edge, so that 64 of them fit 32 bits. */
static bool padded_row_fits(const struct dqa_op *op) {
  const uint32_t columns = (op->output.width - 1u) * op->window.stride_w + dqa_window_columns(&op->window);
  const uint32_t most = (uint32_t)DQA_MAX_ROW_VALUES / op->input.channels;
  return columns <= most && (uint32_t)op->input.width + op->window.pad_left <= most;
}

/* Where the tables of a requantization and code books are; after this dqa_op_at may be called. */
static bool requantization_placed(const dqa_model *model, const uint8_t *offsets, uint32_t channels,
                                  uint32_t encoding) {
  const uint32_t books = dqa_u32(offsets + 12);
  if (!(encoding == DQA_WEIGHTS_INT8 || encoding == DQA_WEIGHTS_PAIRS ? books == 0
        : encoding == DQA_WEIGHTS_AFFINE
            ? dqa_in_program(model, books, channels, 1)
            : dqa_in_program(model, books, encoding == DQA_WEIGHTS_BOOKS ? channels : 1, DQA_BOOK))) {
    return false;
  }
  return dqa_in_program(model, dqa_u32(offsets), channels, 4) &&
         dqa_in_program(model, dqa_u32(offsets + 4), channels, 4) &&
         dqa_in_program(model, dqa_u32(offsets + 8), channels, 1);
}

static bool requantization_valid(const struct dqa_op *op) {
  const uint32_t channels = op->output.channels;
  for (uint32_t c = 0; c < channels; ++c) {
    if (dqa_i32(op->multiplier + 4 * c) < 0 || op->shift[c] < 1 || op->shift[c] > 31) {
      return false;
    }
  }
  return true;
}

/* Inputs of an operator that copies have the range of its output. */
static bool ranges_equal(const struct dqa_op *op) {
  for (uint32_t i = 0; i < op->input_count; ++i) {
    struct dqa_edge input;
    dqa_edge_at(op->model, dqa_op_input(op, i), &input);
    if (input.low != op->output.low || input.high != op->output.high) {
      return false;
    }
  }
  return true;
}

DQA_COLD dqa_status dqa_check_operator(const dqa_model *model, uint32_t number) {
  const uint8_t *record = dqa_op_record(model, number);
  struct dqa_op op;
  const dqa_status status = check_record(model, record);
  if (status != DQA_OK) {
    return status;
  }
  const uint32_t traits = model->operators[record[DQA_OPERATOR_KIND]]->traits;
  if (traits & DQA_REQUANTIZES) {
    const uint32_t end = dqa_u32(record + DQA_OPERATOR_PARAMETERS) + dqa_u32(record + DQA_OPERATOR_PARAMETER_BYTES);
    dqa_edge_at(model, dqa_u16(record + DQA_OPERATOR_OUTPUT), &op.output);
    if (!requantization_placed(model, model->bytes + end - DQA_REQUANTIZATION_BYTES, op.output.channels,
                               record[DQA_OPERATOR_WEIGHT_ENCODING])) {
      return DQA_ERROR_OPERATOR;
    }
  }
  dqa_op_at(model, number, &op);
  const bool valid = (!(traits & DQA_WINDOW) || window_fits(&op)) && (!(traits & DQA_PADDED) || padded_row_fits(&op)) &&
                     (!(traits & DQA_REQUANTIZES) || requantization_valid(&op)) &&
                     (!(traits & DQA_COPIES) || ranges_equal(&op)) && op.methods->check(&op) &&
                     (op.block == 0 || (op.methods->block_bytes != NULL && op.methods->block_bytes(&op) > 0)) &&
                     dqa_scratch_bytes(&op) == op.scratch_bytes;
  return !valid ? DQA_ERROR_OPERATOR : dqa_part_of(&op) != NULL ? DQA_OK : DQA_ERROR_UNKNOWN_OPERATOR;
}
