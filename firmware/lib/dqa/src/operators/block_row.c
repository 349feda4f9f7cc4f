/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: what the blocks of an output row share. */
#include "block_row.h"

#ifdef DQA_BLOCKS

void dqa_block_begin(const struct dqa_op *op, uint32_t words, uint32_t unrolled, uint32_t word_bytes,
                     uint32_t row_bytes, dqa_write_block write, struct dqa_block *block) {
  const struct dqa_edge *const output = &op->output;
  const uint32_t rest = dqa_block_values(op) % 4u;
  block->write = write;
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

void dqa_block_row(const struct dqa_op *op, uint32_t y, struct dqa_block *block, int8_t *out) {
  const uint32_t n = op->block, width = op->output.width;
  struct dqa_taps taps;
  dqa_taps_of(op, y, &taps);
  for (uint32_t done = 0; done < width; done += n) {
    const uint32_t x = done + n > width ? width - n : done; /* the last block computes some again */
    block->out = out + x * op->output.channels;
    block->write(op, &taps, x, block);
  }
  dqa_clamp_block(&op->output, out, op->output.row_values);
}

void dqa_window_row(const struct dqa_op *op, uint32_t y, uint32_t word_bytes, dqa_write_block write, int8_t *out) {
  const uint32_t words = dqa_block_values(op) / 4u;
  struct dqa_block block;
  dqa_block_begin(op, words, DQA_UNROLLED, word_bytes, 8 * op->block * words, write, &block);
  dqa_block_row(op, y, &block, out);
}

#endif
