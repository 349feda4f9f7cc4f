/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: RESIZE_NEAREST_NEIGHBOR. u16 rows[out height], columns[out width]: the input row and column of each. */
#include "operator.h"

enum { ROWS = 0, COLUMNS = 4 };

static uint32_t source_row(const struct dqa_op *op, uint32_t y) { return dqa_u16(dqa_op_table(op, ROWS) + 2 * y); }

static struct dqa_span span(const struct dqa_op *op, uint32_t input, uint32_t y) {
  const struct dqa_span one = {(int32_t)source_row(op, y), 1};
  (void)input;
  return one;
}

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  const uint8_t *columns = dqa_op_table(op, COLUMNS);
  const uint32_t channels = op->input.channels;
  struct dqa_ring ring;
  (void)acc;
  dqa_ring_of(op, 0, &ring);
  const int8_t *values = dqa_ring_slot(&ring, source_row(op, y));
  for (uint32_t x = 0; x < op->output.width; ++x, out += channels) {
    dqa_copy(out, values + dqa_u16(columns + 2 * x) * channels, channels);
  }
}

static bool check(const struct dqa_op *op) {
  return op->input.channels == op->output.channels &&
         dqa_places_fit(op, ROWS, op->output.height, 2, op->input.height, true) &&
         dqa_places_fit(op, COLUMNS, op->output.width, 2, op->input.width, true);
}

const struct dqa_operator dqa_op_resize_nearest_neighbor = {.parameter_bytes = 8,
                                                            .min_inputs = 1,
                                                            .max_inputs = 1,
                                                            .traits = DQA_COPIES,
                                                            .check = check,
                                                            .span = span,
                                                            .row = row};
