/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: depthwise convolutions on MVE, eight channels and two pixels at a time. What op_depthwise_conv_2d.c
 * computes without it is the same. */
#ifndef DQA_MVE_DEPTHWISE_H
#define DQA_MVE_DEPTHWISE_H

#include "requantize.h"

#ifdef DQA_MVE

/* Writes an output row, or not, if it has fewer than eight channels or more than one for each of the input. weights: of
 * the kernel's first element. */
bool dqa_mve_depthwise_row(const struct dqa_op *op, uint32_t y, const int8_t *weights, int8_t *out);

#endif
#endif
