/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: EMBEDDING. i8 table[rows][C], u16 rows, i8 first: value v of the only input row, one for each pixel of the
 * output -> row v - first of the table, the nearest one for values outside of it. */
#include <string.h>

#include "operator.h"

enum { TABLE = 0, ROWS = 4, FIRST = 6, RESERVED = 7, MAX_ROWS = 256 };

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  const uint8_t *table = dqa_op_table(op, TABLE);
  const int32_t last = dqa_u16(op->parameters + ROWS) - 1, first = (int8_t)op->parameters[FIRST];
  struct dqa_ring ring;
  (void)acc;
  dqa_ring_of(op, 0, &ring);
  const int8_t *tokens = dqa_ring_slot(&ring, 0) + y * op->output.width;
  for (uint32_t x = 0; x < op->output.width; ++x) {
    const int32_t token = tokens[x] - first;
    const int32_t chosen = token < 0 ? 0 : token > last ? last : token;
    memcpy(out + x * op->output.channels, table + (uint32_t)chosen * op->output.channels, op->output.channels);
  }
}

static struct dqa_span span(const struct dqa_op *op, uint32_t input, uint32_t y) {
  const struct dqa_span all = {0, 1};
  (void)op, (void)input, (void)y;
  return all;
}

static bool check(const struct dqa_op *op) {
  const uint32_t rows = dqa_u16(op->parameters + ROWS), values = rows * op->output.channels;
  if (op->input.height != 1 || op->input.row_values != (uint32_t)op->output.height * op->output.width || rows == 0 ||
      rows > MAX_ROWS || op->parameters[RESERVED] != 0 ||
      !dqa_in_program(op->model, dqa_u32(op->parameters + TABLE), values, 1)) {
    return false;
  }
  const uint8_t *table = dqa_op_table(op, TABLE);
  for (uint32_t i = 0; i < values; ++i) {
    if ((int8_t)table[i] < op->output.low || (int8_t)table[i] > op->output.high) {
      return false;
    }
  }
  return true;
}

const struct dqa_operator dqa_op_embedding = {
    .parameter_bytes = 8, .min_inputs = 1, .max_inputs = 1, .traits = 0, .check = check, .span = span, .row = row};
