/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: dense weights as pairs of outputs (docs/format.md, section 5). */
#ifndef DQA_PAIRS_H
#define DQA_PAIRS_H

#include "operator.h"

/* Whether the pairs at an offset lie in the program, hold no weight of -128, and their sums fit. */
bool dqa_pairs_valid(const struct dqa_op *op, uint32_t offset);

/* sums[j] += the products of `length` values, a multiple of 4, and the weights of output j of a group of four. */
void dqa_pair_products(const uint8_t *group, const int8_t *values, uint32_t length, int32_t sums[4]);

/* Writes the outputs of an input of one row, if the processor can: the range of the output is one of those that it
 * clamps to. */
bool dqa_pair_row(const struct dqa_op *op, uint32_t offset, const int8_t *values, int8_t *out);

#endif
