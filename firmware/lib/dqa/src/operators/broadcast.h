/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: inputs that are repeated along the axes where they have one element and the output has more. */
#ifndef DQA_BROADCAST_H
#define DQA_BROADCAST_H

#include "operator.h"

/* A row of an input: the value for pixel x and channel c is values[x * pixel + c * channel]. */
struct dqa_operand {
  const int8_t *values;
  uint32_t pixel, channel;
};

/* The row of an input that output row y reads; only in a run. */
void dqa_operand_of(const struct dqa_op *op, uint32_t input, uint32_t y, struct dqa_operand *operand);

/* Its rows: the only one, or row y. */
struct dqa_span dqa_operand_span(const struct dqa_op *op, uint32_t input, uint32_t y);

/* Whether every axis of every input has one element or the output's. */
bool dqa_operands_fit(const struct dqa_op *op);

#endif
