/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: int8 weights of an operator as a program holds them: as they are, or as 4-bit indices into a code
 * book (docs/format.md, section 5). */
#ifndef DQA_WEIGHTS_H
#define DQA_WEIGHTS_H

#include "operator.h"

struct dqa_weights {
  const uint8_t *rows;  /* of the output channels */
  const uint8_t *books; /* of indices; the least ones of affine weights; else NULL */
  uint32_t row_bytes;
  uint32_t affine;    /* how many affine weights a channel has, 0: none */
  uint32_t alternate; /* inputs of each of three columns whose words alternate, 0: they do not */
  uint32_t book_step; /* from the code book of a channel to the next: 0 if they share one */
};

/* parameter: where the operator's parameters have the offset of the weights; count: weights per output channel. */
void dqa_weights_of(const struct dqa_op *op, uint32_t parameter, uint32_t count, struct dqa_weights *weights);

/* Weights first .. first + count - 1 of output channel o: where they lie, or decoded into room. */
const int8_t *dqa_weights_at(const struct dqa_weights *weights, uint32_t o, uint32_t first, uint32_t count,
                             int8_t *room);

/* The same of a convolution, whose weights may be affine; room has place for all of a channel. */
const int8_t *dqa_kernel_weights_at(const struct dqa_weights *weights, uint32_t o, uint32_t first, uint32_t count,
                                    int8_t *room);

/* Whether they lie in the program. */
bool dqa_weights_valid(const struct dqa_op *op, uint32_t parameter, uint32_t count);

#endif
