/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: how an operator sees an input. */
#include "view.h"

void dqa_view_of(const struct dqa_op *op, const struct dqa_edge *input, struct dqa_view *view) {
  const struct dqa_window *w = &op->window;
  uint32_t left = 0, right = 0;
  view->rows = op->methods->ring_rows != NULL ? op->methods->ring_rows(op) : dqa_window_rows(w);
  view->padding_row = op->methods->traits & DQA_TRANSPOSED && !dqa_pads_with_zeros(input);
  if (op->methods->traits & DQA_PADDED && !dqa_pads_with_zeros(input)) {
    const uint32_t columns = (op->output.width - 1u) * w->stride_w + dqa_window_columns(w);
    const uint32_t rows = (op->output.height - 1u) * w->stride_h + dqa_window_rows(w);
    left = w->pad_left;
    right = columns > left + input->width ? columns - left - input->width : 0;
    view->padding_row = w->pad_top > 0 || (input->height != DQA_ENDLESS && rows > input->height);
  }
  view->row_bytes = (left + input->width + right) * input->channels;
  view->left_bytes = left * input->channels;
  view->direct = view->row_bytes == input->row_values &&
                 (input->storage == DQA_RING || (input->storage == DQA_RAW_INT8 && view->rows == 1));
}
