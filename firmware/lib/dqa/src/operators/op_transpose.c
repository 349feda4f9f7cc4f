/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: TRANSPOSE. u8 axes[3]: which of the input's height (0), width (1), channels (2) the output's are. If rows stay
 * rows they come one by one, else all are there before the first is written. */
#include "operator.h"

enum { HEIGHT = 0, WIDTH = 1, CHANNELS = 2, RESERVED = 3 };

static bool keeps_rows(const struct dqa_op *op) { return op->parameters[HEIGHT] == 0; }

static struct dqa_span span(const struct dqa_op *op, uint32_t input, uint32_t y) {
  const struct dqa_span one = {(int32_t)y, 1}, all = {0, op->input.height};
  (void)input;
  return keeps_rows(op) ? one : all;
}

static uint32_t ring_rows(const struct dqa_op *op) { return keeps_rows(op) ? 1 : op->input.height; }

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  const uint8_t *axes = op->parameters;
  uint32_t at[3]; /* row, column, channel of the input */
  struct dqa_ring ring;
  (void)acc;
  dqa_ring_of(op, 0, &ring);
  at[axes[HEIGHT]] = y;
  for (uint32_t x = 0; x < op->output.width; ++x) {
    at[axes[WIDTH]] = x;
    for (uint32_t c = 0; c < op->output.channels; ++c) {
      at[axes[CHANNELS]] = c;
      *out++ = dqa_ring_slot(&ring, at[0])[at[1] * op->input.channels + at[2]];
    }
  }
}

static bool check(const struct dqa_op *op) {
  const uint8_t *axes = op->parameters;
  const uint32_t sizes[3] = {op->input.height, op->input.width, op->input.channels};
  uint32_t seen = 0;
  for (uint32_t i = 0; i < 3; ++i) {
    if (axes[i] > 2) {
      return false;
    }
    seen |= 1u << axes[i];
  }
  return seen == 7 && axes[RESERVED] == 0 && sizes[axes[HEIGHT]] == op->output.height &&
         sizes[axes[WIDTH]] == op->output.width && sizes[axes[CHANNELS]] == op->output.channels;
}

const struct dqa_operator dqa_op_transpose = {.parameter_bytes = 4,
                                              .min_inputs = 1,
                                              .max_inputs = 1,
                                              .traits = DQA_COPIES,
                                              .check = check,
                                              .span = span,
                                              .ring_rows = ring_rows,
                                              .row = row};
