/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: an input that is whole though rows are pushed, as an entry of the operator table, which brings its code along.
 */
#include "../operators/operator.h"

/* The rows of the whole input, one after the other. */
static dqa_status push_all(const dqa_model *model, void *arena, const uint8_t *input, uint32_t *dropped) {
  struct dqa_edge edge;
  dqa_status status = dqa_begin(model, arena, model->arena_size);
  dqa_edge_at(model, 0, &edge);
  for (uint32_t y = 0; y < edge.height && status == DQA_OK; ++y) {
    status = dqa_push_row(model, arena, input + y * edge.row_values);
  }
  status = status == DQA_OK ? dqa_end(model, arena, dropped) : status;
  return status == DQA_ERROR_ARGUMENT ? DQA_ERROR_STALLED : status; /* an overlap has changed the rows counted */
}

const struct dqa_operator dqa_part_whole_input = {.brings = {.push_all = push_all}};
