/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: FULLY_CONNECTED, weights as they are or in code books. Every weight is used once: indices are decoded a little
 * at a time. */
#include "dense.h"
#include "mve_dense.h"
#include "products.h"
#include "weights.h"

enum { DECODED = 32 };

/* sums[i] += the products of input row y and the weights of output o + i; past the last output those of the last. */
static void sum_products(const struct dqa_op *op, uint32_t y, const int8_t *values, uint32_t o,
                         int32_t sums[DQA_DENSE_OUTPUTS]) {
  const uint32_t length = op->input.row_values, last = op->output.channels - 1u;
  struct dqa_weights weights;
  int8_t room[DQA_DENSE_OUTPUTS * DECODED];
  const int8_t *w[DQA_DENSE_OUTPUTS];
  dqa_weights_of(op, DQA_DENSE_WEIGHTS, op->input.height * length, &weights);
  const uint32_t most = weights.books != NULL ? DECODED : length;
  for (uint32_t done = 0; done < length; done += most) {
    const uint32_t count = length - done < most ? length - done : most;
    for (uint32_t i = 0; i < DQA_DENSE_OUTPUTS; ++i) {
      const uint32_t output = o + i < last ? o + i : last;
      w[i] = dqa_weights_at(&weights, output, y * length + done, count, room + i * DECODED);
    }
    dqa_products_4x1(w, values + done, count, sums);
  }
}

static void accumulate(const struct dqa_op *op, uint32_t y, const int8_t *values, int32_t *acc) {
  dqa_dense_accumulate(op, y, values, 0, acc, sum_products);
}

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  const int8_t *const values = acc == NULL ? dqa_dense_values(op) : NULL;
  (void)y;
#ifdef DQA_MVE
  if (acc == NULL && dqa_mve_dense_row(op, dqa_op_table(op, DQA_DENSE_WEIGHTS), values, out)) {
    return;
  }
#endif
  dqa_dense_row(op, values, 0, acc, out, sum_products);
}

const struct dqa_operator dqa_part_dense_plain = {.accumulate = accumulate, .row = row};
