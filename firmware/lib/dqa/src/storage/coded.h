/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: coded maps (docs/format.md, section 2): rows of entropy-coded values that drop low bits to fit.
 *
 * They are reached through the operator table alone (dqa_coded_maps), so that a program without coded maps does not
 * carry their code. */
#ifndef DQA_CODED_H
#define DQA_CODED_H

#include "map.h"

enum dqa_coding_field {
  DQA_CODING_GROUPS = 0,
  DQA_CODING_TABLE_COUNT = 1,
  DQA_CODING_RESERVED = 2,
  DQA_CODING_TABLES = 4,
  DQA_CODING_EXPECTED = 8
};
enum { DQA_CODED_SYMBOLS = 16, DQA_CODED_SYMBOL_BITS = 4, DQA_CODED_MAX_LENGTH = 8, DQA_CODED_TABLE_BYTES = 292 };
/* Where a table has its parts: they have one size. */
enum { DQA_CODED_LENGTHS = DQA_HUFFMAN_LENGTHS, DQA_CODED_CODES = 20, DQA_CODED_DECODER = 36 };
enum { DQA_MAX_GROUPS = 4, DQA_MAX_CODED_TABLES = 64, DQA_MAX_DROP = 6, DQA_MAX_PAYLOAD_WORDS = 2047 };

/* A coding record, and what follows from its edge. */
struct dqa_coding {
  const uint8_t *tables, *expected, *contexts, *share, *groups;
  uint32_t group_count, table_count;
  uint32_t raw_level;   /* S * G + 1 */
  uint32_t bytes;       /* of the record, padding included */
  int32_t below, above; /* limits of |value - zero_point| */
  int32_t zero_point;
  uint32_t code_bits, most_dropped;
  uint32_t width, channels;
};
void dqa_coding_of(const dqa_model *model, const struct dqa_edge *edge, struct dqa_coding *coding);

/* The tables for `drop` bits dropped, by the symbol to the left. A copy for the inner loops: nothing they store changes
 * it. */
struct dqa_contexts {
  const uint8_t *tables, *numbers;
};
static inline struct dqa_contexts dqa_coded_contexts(const struct dqa_coding *coding, uint32_t drop) {
  const struct dqa_contexts contexts = {coding->tables, coding->contexts + drop * DQA_CODED_SYMBOLS};
  return contexts;
}
static inline const uint8_t *dqa_coded_table(struct dqa_contexts contexts, uint32_t left) {
  return contexts.tables + contexts.numbers[left] * (uint32_t)DQA_CODED_TABLE_BYTES;
}

/* Bits that group j drops at a level; the raw level drops as many as the last before it. */
static inline uint32_t dqa_coded_drop(const struct dqa_coding *coding, uint32_t level, uint32_t group) {
  return level >= coding->raw_level ? coding->most_dropped
                                    : level / coding->group_count + (group < level % coding->group_count);
}

/* What dqa_coder says of them. */
dqa_status dqa_coded_check_record(const dqa_model *model, const struct dqa_edge *edge, uint32_t offset);
void dqa_coded_write_row(const dqa_model *model, struct dqa_writer *writer, const struct dqa_edge *edge, uint8_t *data,
                         int8_t *values);
const uint8_t *dqa_coded_read_row(const dqa_model *model, const struct dqa_edge *edge, const uint8_t *row,
                                  const uint8_t *end, int8_t *values);

#endif
