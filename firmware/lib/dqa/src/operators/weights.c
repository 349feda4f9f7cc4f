/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: weights, decoded a run at a time.
 *
 * Cost of decoding on Armv7E-M: 3.5 instructions per weight. */
#include "weights.h"
#include "affine.h"
#include "blocks.h"

static uint32_t row_bytes(const struct dqa_op *op, uint32_t count) {
  if (op->weight_encoding == DQA_WEIGHTS_AFFINE) {
    return 4u * dqa_affine_groups(count);
  }
  return op->weight_encoding == DQA_WEIGHTS_INT8 ? count : (count + 1) / 2;
}

void dqa_weights_of(const struct dqa_op *op, uint32_t parameter, uint32_t count, struct dqa_weights *weights) {
  const bool coded = op->weight_encoding != DQA_WEIGHTS_INT8;
  weights->rows = dqa_op_table(op, parameter);
  weights->books = coded ? dqa_op_table(op, op->methods->parameter_bytes - 4u) : NULL;
  weights->row_bytes = row_bytes(op, count);
  weights->book_step = op->weight_encoding == DQA_WEIGHTS_BOOKS ? DQA_BOOK : 0;
  weights->affine = op->weight_encoding == DQA_WEIGHTS_AFFINE ? count : 0;
  weights->alternate = dqa_block_shares(op) ? op->input.channels : 0;
}

/* Indices first .. first + count - 1 of a row; the first of a byte are its low bits. */
static void decode(const uint8_t *row, const int8_t *book, uint32_t first, uint32_t count, int8_t *to) {
  const uint8_t *from = row + first / 2;
  if ((first & 1u) && count > 0) {
    *to++ = book[*from++ >> 4];
    --count;
  }
  for (; count >= 8; count -= 8, from += 4, to += 8) {
    const uint32_t word = dqa_u32(from);
    to[0] = book[word & 15u];
    to[1] = book[word >> 4 & 15u];
    to[2] = book[word >> 8 & 15u];
    to[3] = book[word >> 12 & 15u];
    to[4] = book[word >> 16 & 15u];
    to[5] = book[word >> 20 & 15u];
    to[6] = book[word >> 24 & 15u];
    to[7] = book[word >> 28];
  }
  for (uint32_t i = 0; i < count; ++i) {
    to[i] = book[(uint32_t)from[i / 2] >> (i & 1u) * 4u & 15u];
  }
}

/* All weights of an output channel from the words of their codes, which of three columns of a kernel may alternate. */
static void decode_affine(const struct dqa_weights *weights, const uint8_t *row, int32_t least, int8_t *to) {
  const uint32_t inputs = weights->alternate, groups = inputs / DQA_AFFINE_INPUTS;
  for (uint32_t j = 0; j < dqa_affine_groups(weights->affine); ++j) {
    const uint32_t turned = dqa_u32(row + 4 * j), word = turned >> 3 | turned << 29;
    const uint32_t column = j / 3 / (groups > 0 ? groups : 1) * 3 + j % 3; /* where they alternate */
    const uint32_t first = inputs == 0 ? j * DQA_AFFINE_INPUTS : column * inputs + j / 3 % groups * DQA_AFFINE_INPUTS;
    for (uint32_t k = 0; k < DQA_AFFINE_INPUTS && first + k < weights->affine; ++k) {
      const uint32_t code = word >> (4 * dqa_affine_pair(k) + 16 * dqa_affine_half(k)) & 15u;
      to[first + k] = (int8_t)(least + DQA_AFFINE_STEP * (int32_t)code);
    }
  }
}

const int8_t *dqa_weights_at(const struct dqa_weights *weights, uint32_t o, uint32_t first, uint32_t count,
                             int8_t *room) {
  const uint8_t *row = weights->rows + o * weights->row_bytes;
  if (weights->books == NULL) {
    return (const int8_t *)row + first;
  }
  decode(row, (const int8_t *)weights->books + o * weights->book_step, first, count, room);
  return room;
}

const int8_t *dqa_kernel_weights_at(const struct dqa_weights *weights, uint32_t o, uint32_t first, uint32_t count,
                                    int8_t *room) {
  if (weights->affine > 0) {
    decode_affine(weights, weights->rows + o * weights->row_bytes, ((const int8_t *)weights->books)[o], room);
    return room + first;
  }
  return dqa_weights_at(weights, o, first, count, room);
}

bool dqa_weights_valid(const struct dqa_op *op, uint32_t parameter, uint32_t count) {
  const bool affine = op->weight_encoding == DQA_WEIGHTS_AFFINE && !(op->methods->traits & DQA_TRANSPOSED);
  return (affine ? dqa_affine_least_valid(op) : op->weight_encoding <= DQA_WEIGHTS_BOOKS) &&
         dqa_in_program(op->model, dqa_u32(op->parameters + parameter), op->output.channels, row_bytes(op, count));
}
