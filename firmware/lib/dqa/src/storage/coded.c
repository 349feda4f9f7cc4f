/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: coded maps: their record, and its check. */
#include "coded.h"

#include "../format/bounds.h"
#include "huffman.h"

void dqa_coding_of(const dqa_model *model, const struct dqa_edge *edge, struct dqa_coding *coding) {
  const uint8_t *const record = edge->coding;
  coding->group_count = record[DQA_CODING_GROUPS];
  coding->table_count = record[DQA_CODING_TABLE_COUNT];
  coding->most_dropped = edge->extra_bits;
  coding->raw_level = coding->most_dropped * coding->group_count + 1;
  coding->tables = model->bytes + dqa_u32(record + DQA_CODING_TABLES);
  coding->expected = record + DQA_CODING_EXPECTED;
  coding->contexts = coding->expected + 4 * coding->raw_level;
  coding->share = coding->contexts + DQA_CODED_SYMBOLS * (coding->most_dropped + 1u);
  coding->groups = coding->share + edge->height;
  coding->bytes = dqa_align((uint32_t)(coding->groups - record) + edge->channels);
  coding->zero_point = edge->zero_point;
  coding->below = edge->zero_point - edge->low;
  coding->above = edge->high - edge->zero_point;
  coding->code_bits = edge->code_bits;
  coding->width = edge->width;
  coding->channels = edge->channels;
}

static bool all_below(const uint8_t *numbers, uint32_t count, uint32_t limit) {
  for (uint32_t i = 0; i < count; ++i) {
    if (numbers[i] >= limit) {
      return false;
    }
  }
  return true;
}

static bool record_valid(const struct dqa_edge *edge, const struct dqa_coding *coding) {
  for (uint32_t level = 0; level < coding->raw_level; ++level) {
    if (dqa_u32(coding->expected + 4 * level) > DQA_MAX_CAPACITY) {
      return false;
    }
  }
  const uint8_t *const end = coding->groups + coding->channels;
  return all_below(coding->contexts, DQA_CODED_SYMBOLS * (coding->most_dropped + 1u), coding->table_count) &&
         all_below(coding->groups, coding->channels, coding->group_count) &&
         dqa_all_zero(end, (uint32_t)(edge->coding + coding->bytes - end));
}

DQA_COLD dqa_status dqa_coded_check_record(const dqa_model *model, const struct dqa_edge *edge, uint32_t offset) {
  struct dqa_coding coding;
  if (!dqa_in_program(model, offset, DQA_CODING_EXPECTED, 1) || edge->coding[DQA_CODING_GROUPS] < 1 ||
      edge->coding[DQA_CODING_GROUPS] > DQA_MAX_GROUPS || edge->coding[DQA_CODING_TABLE_COUNT] < 1 ||
      edge->coding[DQA_CODING_TABLE_COUNT] > DQA_MAX_CODED_TABLES ||
      !dqa_all_zero(edge->coding + DQA_CODING_RESERVED, 2)) {
    return DQA_ERROR_EDGE;
  }
  const uint32_t tables = dqa_u32(edge->coding + DQA_CODING_TABLES);
  if (!dqa_in_program(model, tables, edge->coding[DQA_CODING_TABLE_COUNT], DQA_CODED_TABLE_BYTES)) {
    return DQA_ERROR_EDGE;
  }
  dqa_coding_of(model, edge, &coding);
  if (!dqa_in_program(model, offset, coding.bytes, 1) || !record_valid(edge, &coding)) {
    return DQA_ERROR_EDGE;
  }
  for (uint32_t i = 0; i < coding.table_count; ++i) {
    const uint8_t *const table = coding.tables + i * DQA_CODED_TABLE_BYTES;
    if (table[DQA_HUFFMAN_MAX_LENGTH] != DQA_CODED_MAX_LENGTH ||
        table[DQA_HUFFMAN_SYMBOL_BITS] != DQA_CODED_SYMBOL_BITS || !dqa_all_zero(table + 2, 2) ||
        !dqa_huffman_valid(table)) {
      return DQA_ERROR_TABLE;
    }
  }
  return DQA_OK;
}
