/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: FULLY_CONNECTED, four outputs at a time: for the parts that write its rows, part_dense_*.c. */
#ifndef DQA_DENSE_H
#define DQA_DENSE_H

#include "requantize.h"

enum { DQA_DENSE_WEIGHTS = 0, DQA_DENSE_OUTPUTS = 4 };

/* sums[i] += the products of input row y and the weights of output o + i; past the last output they mean nothing. */
typedef void (*dqa_dense_sums)(const struct dqa_op *op, uint32_t y, const int8_t *values, uint32_t o,
                               int32_t sums[DQA_DENSE_OUTPUTS]);

/* How many outputs there are from o on, at most DQA_DENSE_OUTPUTS. */
static inline uint32_t dqa_dense_count(const struct dqa_op *op, uint32_t o) {
  return op->output.channels - o < DQA_DENSE_OUTPUTS ? op->output.channels - o : DQA_DENSE_OUTPUTS;
}

/* acc[o] += the products of input row y, of outputs `first` on. */
static DQA_INLINE void dqa_dense_accumulate(const struct dqa_op *op, uint32_t y, const int8_t *values, uint32_t first,
                                            int32_t *acc, dqa_dense_sums sum) {
  for (uint32_t o = first; o < op->output.channels; o += DQA_DENSE_OUTPUTS) {
    const uint32_t count = dqa_dense_count(op, o);
    int32_t sums[DQA_DENSE_OUTPUTS] = {0};
    sum(op, y, values, o, sums);
    for (uint32_t i = 0; i < count; ++i) {
      acc[o + i] = dqa_add_modulo(y == 0 ? dqa_i32(op->bias + 4 * (o + i)) : acc[o + i], sums[i]);
    }
  }
}

/* Writes outputs `first` on, from sums with their bias or an input of one row. */
static DQA_INLINE void dqa_dense_row(const struct dqa_op *op, const int8_t *values, uint32_t first, const int32_t *acc,
                                     int8_t *out, dqa_dense_sums sum) {
  for (uint32_t o = first; o < op->output.channels; o += DQA_DENSE_OUTPUTS) {
    const uint32_t count = dqa_dense_count(op, o);
    int32_t sums[DQA_DENSE_OUTPUTS] = {0};
    if (acc != NULL) {
      memcpy(sums, acc + o, count * sizeof *acc);
    } else {
      sum(op, 0, values, o, sums);
    }
    for (uint32_t i = 0; i < count; ++i) {
      struct dqa_channel c;
      dqa_channel_at(op, o + i, &c);
      out[o + i] = dqa_finish(&c, acc != NULL ? sums[i] : sums[i] + c.bias);
    }
  }
}

/* The row of an input of one row. */
static inline const int8_t *dqa_dense_values(const struct dqa_op *op) {
  struct dqa_ring ring;
  dqa_ring_of(op, 0, &ring);
  return dqa_ring_slot(&ring, 0);
}

#endif
