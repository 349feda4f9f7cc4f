/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: SLIDING_REDUCE. u16 rows, u8 what: the mean (0), the largest (1) or the smallest (2) value of each channel over
 * all columns of `rows` rows, which begin at row y of the input; output width 1.
 *
 * A mean keeps the sum of the rows that the next window shares with this one: each row is added once and taken away
 * once. */
#include "operator.h"
#include "requantize.h"

enum { ROWS = 0, WHAT = 2, RESERVED = 3, MEAN = 0, LARGEST = 1, SMALLEST = 2, MAX_PIXELS = 1 << 15 };

static uint32_t rows_of(const struct dqa_op *op) { return dqa_u16(op->parameters + ROWS); }

static struct dqa_span span(const struct dqa_op *op, uint32_t input, uint32_t y) {
  const struct dqa_span window = {(int32_t)y, rows_of(op)};
  (void)input;
  return window;
}

static uint32_t kept_bytes(const struct dqa_op *op) {
  return op->parameters[WHAT] == MEAN ? 4u * op->output.channels : 0;
}

/* sums[c] += or -= the values of row y. */
static void change(const struct dqa_op *op, const struct dqa_ring *ring, uint32_t y, bool add, int32_t *sums) {
  const int8_t *values = dqa_ring_slot(ring, y);
  const uint32_t channels = op->input.channels;
  for (uint32_t x = 0; x < op->input.width; ++x, values += channels) {
    for (uint32_t c = 0; c < channels; ++c) {
      sums[c] = dqa_add_modulo(sums[c], add ? values[c] : -values[c]);
    }
  }
}

static void mean_row(const struct dqa_op *op, const struct dqa_ring *ring, uint32_t y, int8_t *out) {
  const uint32_t channels = op->output.channels, rows = rows_of(op);
  const uint32_t reciprocal = (uint32_t)dqa_reciprocal(rows * op->input.width);
  int32_t *const sums = dqa_accumulators_of(op);
  if (y == 0) {
    memset(sums, 0, 4 * (size_t)channels);
  }
  for (uint32_t r = y == 0 ? 0 : rows - 1u; r < rows; ++r) {
    change(op, ring, y + r, true, sums);
  }
  for (uint32_t o = 0; o < channels; ++o) {
    struct dqa_channel c;
    dqa_channel_at(op, o, &c);
    out[o] = dqa_finish(&c, dqa_add_modulo(c.bias, (int32_t)((uint32_t)sums[o] * reciprocal)));
  }
  change(op, ring, y, false, sums);
}

static void extreme_row(const struct dqa_op *op, const struct dqa_ring *ring, uint32_t y, int8_t *out) {
  const uint32_t channels = op->output.channels, rows = rows_of(op);
  const bool largest = op->parameters[WHAT] == LARGEST;
  memset(out, largest ? INT8_MIN : INT8_MAX, channels);
  for (uint32_t r = 0; r < rows; ++r) {
    const int8_t *values = dqa_ring_slot(ring, y + r);
    for (uint32_t x = 0; x < op->input.width; ++x, values += channels) {
      for (uint32_t c = 0; c < channels; ++c) {
        if (largest ? values[c] > out[c] : values[c] < out[c]) {
          out[c] = values[c];
        }
      }
    }
  }
  for (uint32_t o = 0; o < channels; ++o) {
    struct dqa_channel c;
    dqa_channel_at(op, o, &c);
    out[o] = dqa_finish(&c, dqa_add_modulo(c.bias, out[o] * dqa_reciprocal(1)));
  }
}

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  struct dqa_ring ring;
  (void)acc;
  dqa_ring_of(op, 0, &ring);
  if (op->parameters[WHAT] == MEAN) {
    mean_row(op, &ring, y, out);
  } else {
    extreme_row(op, &ring, y, out);
  }
}

static bool check(const struct dqa_op *op) {
  const uint32_t rows = rows_of(op), what = op->parameters[WHAT];
  return rows >= 1 && rows <= op->input.height && what <= SMALLEST && op->parameters[RESERVED] == 0 &&
         op->output.height == op->input.height - rows + 1u && op->output.width == 1 &&
         op->output.channels == op->input.channels && op->input.width <= (uint32_t)MAX_PIXELS / rows &&
         dqa_biases_fit(op, DQA_POOL_SUM);
}

static bool goes_on(const struct dqa_op *op) {
  (void)op;
  return true;
}

const struct dqa_operator dqa_op_sliding_reduce = {.parameter_bytes = 4 + DQA_REQUANTIZATION_BYTES,
                                                   .min_inputs = 1,
                                                   .max_inputs = 1,
                                                   .traits = DQA_REQUANTIZES,
                                                   .check = check,
                                                   .span = span,
                                                   .ring_rows = rows_of,
                                                   .kept_bytes = kept_bytes,
                                                   .goes_on = goes_on,
                                                   .row = row};
