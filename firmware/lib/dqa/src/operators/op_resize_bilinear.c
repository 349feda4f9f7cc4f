/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: RESIZE_BILINEAR. u16 rows[out height][2], columns[out width][2]: the first of two neighbours in the input and
 * the second's share, 0..128; the second of the last is the last itself. */
#include "operator.h"

enum { ROWS = 0, COLUMNS = 4, ONE = 128, SHIFT = 14 };

static uint32_t first_of(const uint8_t *table, uint32_t index) { return dqa_u16(table + 4 * index); }
static int32_t share_of(const uint8_t *table, uint32_t index) { return dqa_u16(table + 4 * index + 2); }

static struct dqa_span span(const struct dqa_op *op, uint32_t input, uint32_t y) {
  const uint32_t first = first_of(dqa_op_table(op, ROWS), y);
  const struct dqa_span both = {(int32_t)first, first + 1 < op->input.height ? 2 : 1};
  (void)input;
  return both;
}

static uint32_t ring_rows(const struct dqa_op *op) {
  (void)op;
  return 2;
}

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  const uint8_t *rows = dqa_op_table(op, ROWS), *columns = dqa_op_table(op, COLUMNS);
  const uint32_t channels = op->input.channels, first = first_of(rows, y);
  const int32_t below = share_of(rows, y), above = ONE - below;
  struct dqa_ring ring;
  (void)acc;
  dqa_ring_of(op, 0, &ring);
  const int8_t *upper = dqa_ring_slot(&ring, first);
  const int8_t *lower = first + 1 < op->input.height ? dqa_ring_slot(&ring, first + 1) : upper;
  for (uint32_t x = 0; x < op->output.width; ++x) {
    const uint32_t column = first_of(columns, x), left = column * channels;
    const uint32_t right = column + 1 < op->input.width ? left + channels : left;
    const int32_t after = share_of(columns, x), before = ONE - after;
    for (uint32_t c = 0; c < channels; ++c) {
      const int32_t top = upper[left + c] * before + upper[right + c] * after;
      const int32_t bottom = lower[left + c] * before + lower[right + c] * after;
      *out++ = (int8_t)((top * above + bottom * below + (1 << (SHIFT - 1))) >> SHIFT);
    }
  }
}

/* Ascending numbers of neighbours, and their shares. */
static bool neighbours_fit(const struct dqa_op *op, uint32_t parameter, uint32_t count, uint32_t limit) {
  if (!dqa_places_fit(op, parameter, count, 4, limit, true)) {
    return false;
  }
  for (uint32_t i = 0; i < count; ++i) {
    if (share_of(dqa_op_table(op, parameter), i) > ONE) {
      return false;
    }
  }
  return true;
}

static bool check(const struct dqa_op *op) {
  return op->input.channels == op->output.channels && neighbours_fit(op, ROWS, op->output.height, op->input.height) &&
         neighbours_fit(op, COLUMNS, op->output.width, op->input.width);
}

const struct dqa_operator dqa_op_resize_bilinear = {.parameter_bytes = 8,
                                                    .min_inputs = 1,
                                                    .max_inputs = 1,
                                                    .traits = DQA_COPIES,
                                                    .check = check,
                                                    .span = span,
                                                    .ring_rows = ring_rows,
                                                    .row = row};
