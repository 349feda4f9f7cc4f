/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: what the blocks of an output row share. */
#include "block_row.h"

#ifdef DQA_BLOCKS

void dqa_block_begin(const struct dqa_op *op, uint32_t words, uint32_t unrolled, uint32_t word_bytes,
                     uint32_t row_bytes, struct dqa_block *block) {
  const struct dqa_edge *const output = &op->output;
  const uint32_t rest = dqa_block_values(op) % 4u;
  block->pairs = block->pairs_end = (uint32_t *)(void *)dqa_room_of(op);
  block->pairs_end += row_bytes / 4u;
  block->row_bytes = row_bytes;
  block->weights = (const int8_t *)dqa_op_table(op, DQA_CONV_WEIGHTS);
  block->least = NULL;
  block->totals = NULL;
  block->bias = op->bias;
  block->multiplier = op->multiplier;
  block->shift = op->shift;
  block->channel = 0;
  block->channels = output->channels;
  block->entry = (unrolled - words % unrolled) % unrolled * word_bytes;
  block->rest = rest;
  block->rest_bits = 32u - 8u * rest;
  block->inputs = op->input.channels;
  block->twice = 2 * output->zero_point + 1;
  block->positive = output->low == 0 && output->high == INT8_MAX;
}

#endif
