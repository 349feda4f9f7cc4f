/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: GATHER. u16 rows[out height], columns[out width], channels[out channels]: the input row, column and channel of
 * each; rows never decrease, so that they are read once, in order. Where they follow each other, they may go on. */
#include "operator.h"

enum { ROWS = 0, COLUMNS = 4, CHANNELS = 8 };

static uint32_t source(const struct dqa_op *op, uint32_t parameter, uint32_t index) {
  return dqa_u16(dqa_op_table(op, parameter) + 2 * index);
}

static uint32_t source_row(const struct dqa_op *op, uint32_t y) {
  return op->output.height == DQA_ENDLESS ? source(op, ROWS, 0) + y : source(op, ROWS, y);
}

static struct dqa_span span(const struct dqa_op *op, uint32_t input, uint32_t y) {
  const struct dqa_span one = {(int32_t)source_row(op, y), 1};
  (void)input;
  return one;
}

/* Whether numbers follow each other as they do in the input. */
static bool in_order(const uint8_t *numbers, uint32_t count) {
  for (uint32_t c = 1; c < count; ++c) {
    if (dqa_u16(numbers + 2 * c) != (uint32_t)dqa_u16(numbers) + c) {
      return false;
    }
  }
  return true;
}

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  const uint8_t *columns = dqa_op_table(op, COLUMNS), *numbers = dqa_op_table(op, CHANNELS);
  const uint32_t channels = op->output.channels;
  const bool run = in_order(numbers, channels);
  struct dqa_ring ring;
  (void)acc;
  dqa_ring_of(op, 0, &ring);
  const int8_t *values = dqa_ring_slot(&ring, source_row(op, y));
  for (uint32_t x = 0; x < op->output.width; ++x, out += channels) {
    const int8_t *pixel = values + (uint32_t)dqa_u16(columns + 2 * x) * op->input.channels;
    if (run) {
      dqa_copy(out, pixel + dqa_u16(numbers), channels);
      continue;
    }
    for (uint32_t c = 0; c < channels; ++c) {
      out[c] = pixel[dqa_u16(numbers + 2 * c)];
    }
  }
}

static bool check(const struct dqa_op *op) {
  return dqa_places_fit(op, ROWS, op->output.height, 2, op->input.height, true) &&
         dqa_places_fit(op, COLUMNS, op->output.width, 2, op->input.width, false) &&
         dqa_places_fit(op, CHANNELS, op->output.channels, 2, op->input.channels, false);
}

static bool goes_on(const struct dqa_op *op) { return in_order(dqa_op_table(op, ROWS), op->output.height); }

const struct dqa_operator dqa_op_gather = {.parameter_bytes = 12,
                                           .min_inputs = 1,
                                           .max_inputs = 1,
                                           .traits = DQA_COPIES,
                                           .check = check,
                                           .goes_on = goes_on,
                                           .span = span,
                                           .row = row};
