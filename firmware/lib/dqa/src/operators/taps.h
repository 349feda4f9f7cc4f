/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: the input rows and columns under a kernel. */
#ifndef DQA_TAPS_H
#define DQA_TAPS_H

#include "operator.h"

/* The input rows under the kernel at output row y: rows[i] is that of kernel row first + i. Rows and columns of padding
 * that add nothing do not exist: kernel rows are left out, and the columns outside are for the operator to skip. */
struct dqa_taps {
  const int8_t *rows[DQA_MAX_KERNEL_ROWS];
  uint32_t first, count;
  int32_t left;           /* column of the rows where the window of output column 0 begins, <= 0 */
  int32_t width;          /* columns of the rows */
  struct dqa_range whole; /* the output columns with the whole kernel inside the rows */
};
void dqa_taps_of(const struct dqa_op *op, uint32_t y, struct dqa_taps *taps);

/* The kernel's columns that lie inside the rows at output column x; none: first = end. */
struct dqa_range dqa_taps_columns(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x);

#endif
