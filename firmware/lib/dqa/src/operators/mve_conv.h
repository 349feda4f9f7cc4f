/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: convolutions on MVE, three pixels and four channels at a time. What op_conv_2d.c computes without it is
 * the same. */
#ifndef DQA_MVE_CONV_H
#define DQA_MVE_CONV_H

#include "requantize.h"

#ifdef DQA_MVE

/* Writes an output row, or not, if it has fewer than four channels or the kernel's columns are no neighbours. weights:
 * those of an output channel after those of the other. */
bool dqa_mve_conv_row(const struct dqa_op *op, uint32_t y, const int8_t *weights, int8_t *out);

#endif
#endif
