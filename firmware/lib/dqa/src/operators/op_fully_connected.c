/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: FULLY_CONNECTED over the whole input map, i8 weights[O][H * W * I]; output 1 x 1 x O.
 *
 * Takes input rows as they come: acc[o] grows by the products of that row; an input of one row needs no acc. Four
 * outputs at a time share a value's load. Every weight is used once: indices are decoded a little at a time. */
#include "operator.h"
#include "pairs.h"
#include "products.h"
#include "requantize.h"
#include "weights.h"

enum { WEIGHTS = 0, DECODED = 32, OUTPUTS = 4 };

/* sums[i] += the products of input row y and the weights of output o + i; past the last output those of the last. */
static void sum_products(const struct dqa_op *op, uint32_t y, const int8_t *values, uint32_t o, int32_t sums[OUTPUTS]) {
  const uint32_t length = op->input.row_values, last = op->output.channels - 1u;
  if (op->weight_encoding == DQA_WEIGHTS_PAIRS) {
    const uint8_t *const group = dqa_op_table(op, WEIGHTS) + o * op->input.height * length;
    dqa_pair_products(group + OUTPUTS * y * length, values, length, sums);
    return;
  }
  struct dqa_weights weights;
  int8_t room[OUTPUTS * DECODED];
  const int8_t *w[OUTPUTS];
  dqa_weights_of(op, WEIGHTS, op->input.height * length, &weights);
  const uint32_t most = weights.books != NULL ? DECODED : length;
  for (uint32_t done = 0; done < length; done += most) {
    const uint32_t count = length - done < most ? length - done : most;
    for (uint32_t i = 0; i < OUTPUTS; ++i) {
      const uint32_t output = o + i < last ? o + i : last;
      w[i] = dqa_weights_at(&weights, output, y * length + done, count, room + i * DECODED);
    }
    dqa_products_4x1(w, values + done, count, sums);
  }
}

/* How many outputs there are from o on, at most OUTPUTS. */
static uint32_t outputs_from(const struct dqa_op *op, uint32_t o) {
  return op->output.channels - o < OUTPUTS ? op->output.channels - o : OUTPUTS;
}

static void accumulate(const struct dqa_op *op, uint32_t y, const int8_t *values, int32_t *acc) {
  for (uint32_t o = 0; o < op->output.channels; o += OUTPUTS) {
    const uint32_t count = outputs_from(op, o);
    int32_t sums[OUTPUTS] = {0};
    sum_products(op, y, values, o, sums);
    for (uint32_t i = 0; i < count; ++i) {
      acc[o + i] = dqa_add_modulo(y == 0 ? dqa_i32(op->bias + 4 * (o + i)) : acc[o + i], sums[i]);
    }
  }
}

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  struct dqa_ring ring;
  (void)y;
  dqa_ring_of(op, 0, &ring);
  if (acc == NULL && op->weight_encoding == DQA_WEIGHTS_PAIRS &&
      dqa_pair_row(op, dqa_u32(op->parameters + WEIGHTS), dqa_ring_slot(&ring, 0), out)) {
    return;
  }
  for (uint32_t o = 0; o < op->output.channels; o += OUTPUTS) {
    const uint32_t count = outputs_from(op, o);
    int32_t sums[OUTPUTS] = {0};
    if (acc != NULL) {
      memcpy(sums, acc + o, count * sizeof *acc);
    } else {
      sum_products(op, 0, dqa_ring_slot(&ring, 0), o, sums);
    }
    for (uint32_t i = 0; i < count; ++i) {
      struct dqa_channel c;
      dqa_channel_at(op, o + i, &c);
      out[o + i] = dqa_finish(&c, acc != NULL ? sums[i] : sums[i] + c.bias);
    }
  }
}

static bool check(const struct dqa_op *op) {
  const uint32_t inputs = op->input.height * op->input.row_values;
  return op->output.height == 1 && op->output.width == 1 && inputs <= DQA_MAX_PRODUCTS &&
         (op->weight_encoding == DQA_WEIGHTS_PAIRS ? dqa_pairs_valid(op, dqa_u32(op->parameters + WEIGHTS))
                                                   : dqa_weights_valid(op, WEIGHTS, inputs)) &&
         dqa_biases_fit(op, inputs * DQA_PRODUCT);
}

const struct dqa_operator dqa_op_fully_connected = {.parameter_bytes = 4 + DQA_REQUANTIZATION_BYTES,
                                                    .min_inputs = 1,
                                                    .max_inputs = 1,
                                                    .traits = DQA_REQUANTIZES | DQA_ONE_ROW_AT_ONCE | DQA_CODED_WEIGHTS,
                                                    .check = check,
                                                    .accumulate = accumulate,
                                                    .row = row};
