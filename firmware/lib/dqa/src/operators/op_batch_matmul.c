/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: BATCH_MATMUL. A row is a matrix: out = a * b, or a * b transposed; acc = bias + sum((a - zero_a) * (b -
 * zero_b)).
 */
#include "operator.h"
#include "requantize.h"

enum { TRANSPOSED = 0, ZERO_A = 1, ZERO_B = 2, MOST_TERMS = 1 << 14 };

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  const uint32_t terms = op->input.channels, columns = op->output.channels;
  const bool transposed = op->parameters[TRANSPOSED] != 0;
  const uint32_t next_column = transposed ? terms : 1, next_term = transposed ? 1 : columns;
  const int32_t zero_a = (int8_t)op->parameters[ZERO_A], zero_b = (int8_t)op->parameters[ZERO_B];
  struct dqa_ring ring_a, ring_b;
  (void)acc;
  dqa_ring_of(op, 0, &ring_a);
  dqa_ring_of(op, 1, &ring_b);
  for (uint32_t o = 0; o < columns; ++o) {
    const int8_t *a = dqa_ring_slot(&ring_a, y);
    struct dqa_channel c;
    dqa_channel_at(op, o, &c);
    for (uint32_t i = o; i < op->output.row_values; i += columns) {
      const int8_t *b = dqa_ring_slot(&ring_b, y) + o * next_column;
      int32_t sum = c.bias;
      for (uint32_t k = 0; k < terms; ++k, ++a, b += next_term) {
        sum += (*a - zero_a) * (*b - zero_b);
      }
      out[i] = dqa_finish(&c, sum);
    }
  }
}

static bool check(const struct dqa_op *op) {
  const uint8_t *p = op->parameters;
  const uint32_t terms = op->input.channels, columns = op->output.channels;
  struct dqa_edge b;
  dqa_edge_at(op->model, dqa_op_input(op, 1), &b);
  return op->input.height == op->output.height && op->input.width == op->output.width &&
         b.height == op->output.height && p[TRANSPOSED] <= 1 && b.width == (p[TRANSPOSED] ? columns : terms) &&
         b.channels == (p[TRANSPOSED] ? terms : columns) && p[3] == 0 && terms < MOST_TERMS &&
         dqa_biases_fit(op, terms << 16);
}

const struct dqa_operator dqa_op_batch_matmul = {.parameter_bytes = 4 + DQA_REQUANTIZATION_BYTES,
                                                 .min_inputs = 2,
                                                 .max_inputs = 2,
                                                 .traits = DQA_REQUANTIZES,
                                                 .check = check,
                                                 .goes_on = dqa_rows_go_on,
                                                 .row = row};
