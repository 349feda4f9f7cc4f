/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: sizes of packed and coded rows; the check of what a packed map names. */
#include "map.h"

#include "../format/bounds.h"
#include "huffman.h"
#include "plane.h"

uint32_t dqa_map_base_bytes(const struct dqa_edge *edge) {
  if (edge->storage == DQA_CODED) {
    return 2 + (edge->row_values * edge->code_bits + 15u) / 16u * 2u;
  }
  return dqa_plane_bytes(edge->row_values, edge->code_bits) + (dqa_has_errors(edge) ? 4u : 0u);
}

DQA_COLD dqa_status dqa_packed_check_record(const dqa_model *model, const struct dqa_edge *edge, uint32_t offset) {
  if (edge->error_coding != DQA_ERRORS_HUFFMAN) {
    return offset == 0 ? DQA_OK : DQA_ERROR_EDGE;
  }
  if (!dqa_in_program(model, offset, DQA_HUFFMAN_LENGTHS, 1)) {
    return DQA_ERROR_EDGE;
  }
  const uint8_t *table = edge->coding;
  if (table[DQA_HUFFMAN_MAX_LENGTH] < 1 || table[DQA_HUFFMAN_MAX_LENGTH] > 8 ||
      table[DQA_HUFFMAN_SYMBOL_BITS] != edge->extra_bits || !dqa_all_zero(table + 2, 2) ||
      !dqa_in_program(model, offset, dqa_huffman_bytes(table), 1) || !dqa_huffman_valid(table)) {
    return DQA_ERROR_TABLE;
  }
  return DQA_OK;
}
