/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: affine weights, least + 8 * code, codes 0..15 (docs/format.md, section 5). The codes of eight inputs are
 * a group: those of a pair of inputs, 0 and 2, 1 and 3, 4 and 6, 5 and 7, are at one place of its halves. */
#ifndef DQA_AFFINE_H
#define DQA_AFFINE_H

#include "operator.h"

enum { DQA_AFFINE_STEP = 8, DQA_AFFINE_INPUTS = 8, DQA_QUAD_OUTPUTS = 4, DQA_QUAD_BYTES = 16 };

static inline uint32_t dqa_affine_groups(uint32_t inputs) {
  return (inputs + DQA_AFFINE_INPUTS - 1u) / DQA_AFFINE_INPUTS;
}

/* The pair of an input of a group, and which of it it is. */
static inline uint32_t dqa_affine_pair(uint32_t input) { return (input & 1u) + (input >> 2) * 2u; }
static inline uint32_t dqa_affine_half(uint32_t input) { return input >> 1 & 1u; }

/* The weights of code 0, of each output channel: where other encodings have their books. */
static inline const int8_t *dqa_affine_least(const struct dqa_op *op) {
  return (const int8_t *)dqa_op_table(op, op->methods->parameter_bytes - 4u);
}

/* Whether all weights are int8. */
bool dqa_affine_least_valid(const struct dqa_op *op);

/* The same of a dense layer, whose codes at an offset lie in the program; rows of its input are whole groups, or there
 * is only one. */
bool dqa_quads_valid(const struct dqa_op *op, uint32_t offset);

#endif
