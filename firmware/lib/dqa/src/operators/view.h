/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: how an operator sees an input: where its rows lie, and how they are padded. */
#ifndef DQA_VIEW_H
#define DQA_VIEW_H

#include "operator.h"

struct dqa_view {
  uint32_t rows;       /* that one output row needs at most: slots of a ring of its own */
  uint32_t row_bytes;  /* padded columns included */
  uint32_t left_bytes; /* of them before the row's values */
  bool direct;         /* rows are read where they lie; otherwise they are copied into a ring of its own */
  bool padding_row;    /* a row of zero points stands for the rows above and below */
};
void dqa_view_of(const struct dqa_op *op, const struct dqa_edge *input, struct dqa_view *view);

/* Bytes of a view's own ring and of its row of padding. */
static inline uint32_t dqa_view_ring_bytes(const struct dqa_view *view) {
  return view->direct ? 0 : dqa_align(view->rows * view->row_bytes);
}
static inline uint32_t dqa_view_padding_bytes(const struct dqa_view *view) {
  return view->padding_row ? dqa_align(view->row_bytes) : 0;
}

#endif
