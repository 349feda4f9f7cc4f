/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: dense layers on MVE. What op_fully_connected.c computes without it is the same. */
#ifndef DQA_MVE_DENSE_H
#define DQA_MVE_DENSE_H

#include "requantize.h"

#ifdef DQA_MVE

/* Writes the outputs of an input of one row, or not, if they are fewer than four or have zero points of their own, or
 * the inputs of pairs are no multiple of eight or the weights are in code books. */
bool dqa_mve_pair_row(const struct dqa_op *op, const uint8_t *weights, const int8_t *values, int8_t *out);
bool dqa_mve_dense_row(const struct dqa_op *op, const uint8_t *weights, const int8_t *values, int8_t *out);

#endif
#endif
