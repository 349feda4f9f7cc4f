/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: how rows of values are stored (docs/format.md, section 2). */
#ifndef DQA_MAP_H
#define DQA_MAP_H

#include "../format/edge.h"

/* Whether the rows of an edge have a header and an error plane. */
static inline bool dqa_has_errors(const struct dqa_edge *edge) { return edge->error_coding != DQA_ERRORS_NONE; }
/* Bytes of a row of a map with an empty error plane, of a row of a coded map at its raw level. */
uint32_t dqa_map_base_bytes(const struct dqa_edge *edge);

/* Reads a row of an edge that is neither packed nor coded. */
void dqa_read_row(const struct dqa_edge *edge, const uint8_t *row, int8_t *values);

/* Writes the rows of a whole map in order. */
struct dqa_writer {
  uint32_t row;     /* rows written */
  uint32_t extra;   /* bytes they took: of a map beyond their base, of a coded map all */
  uint16_t dropped; /* of these, without their errors or some of their bits */
  uint16_t level;   /* of the last, in a coded map */
};

/* How the executor treats maps of a storage, packed or coded. */
struct dqa_coder {
  /* Checks what the edge's coding names by its offset, 0 for nothing. */
  dqa_status (*check_record)(const dqa_model *model, const struct dqa_edge *edge, uint32_t offset);
  /* Stores the next row; may change values[row_values]. */
  void (*write_row)(const dqa_model *model, struct dqa_writer *writer, const struct dqa_edge *edge, uint8_t *data,
                    int8_t *values);
  /* Reads the next row, from `row` on, to values[row_values]; NULL skips it. Returns the row's end, at most `end`, the
   * map's. */
  const uint8_t *(*read_row)(const dqa_model *model, const struct dqa_edge *edge, const uint8_t *row,
                             const uint8_t *end, int8_t *values);
};

/* What it says of packed maps; a row of a packed ring is the first of a map of one row. */
dqa_status dqa_packed_check_record(const dqa_model *model, const struct dqa_edge *edge, uint32_t offset);
void dqa_packed_write_row(const dqa_model *model, struct dqa_writer *writer, const struct dqa_edge *edge, uint8_t *data,
                          int8_t *values);
const uint8_t *dqa_packed_read_row(const dqa_model *model, const struct dqa_edge *edge, const uint8_t *row,
                                   const uint8_t *end, int8_t *values);

#endif
