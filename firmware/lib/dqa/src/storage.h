/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: how rows of values are stored (docs/format.md, section 2). */
#ifndef DQA_STORAGE_H
#define DQA_STORAGE_H

#include "dqa_internal.h"

/* Bytes of the code plane of a row. */
uint32_t dqa_plane_bytes(uint32_t values, uint32_t code_bits);
/* values[i] = low + (code[i] << extra_bits). */
void dqa_plane_unpack(const uint8_t *plane, uint32_t count, uint32_t code_bits, uint32_t extra_bits, int32_t low,
                      int8_t *values);
void dqa_plane_pack(const uint8_t *codes, uint32_t count, uint32_t code_bits, uint8_t *plane);

/* Whether the rows of an edge have a header and an error plane. */
static inline bool dqa_has_errors(const struct dqa_edge *edge) { return edge->error_coding != DQA_ERRORS_NONE; }
/* Bytes of a row of a map with an empty error plane, of a row of a coded map at its raw level. */
uint32_t dqa_map_base_bytes(const struct dqa_edge *edge);

/* Bits of an error plane, most significant first. Past the end come zeros. */
struct dqa_bit_reader {
  const uint8_t *next, *end;
  uint32_t bits; /* the lowest `count` are not yet taken */
  uint32_t count;
};
struct dqa_bit_writer {
  uint8_t *next, *end;
  uint32_t bits;
  uint32_t count;
  bool full; /* a byte did not fit */
};
void dqa_bit_put(struct dqa_bit_writer *writer, uint32_t bits, uint32_t count);
void dqa_bit_flush(struct dqa_bit_writer *writer);

/* Writes the errors of a row's important channels: the lowest extra_bits of value - low. */
void dqa_errors_write(const struct dqa_edge *edge, const int8_t *row, struct dqa_bit_writer *writer);
/* Adds them. */
void dqa_errors_read(const struct dqa_edge *edge, struct dqa_bit_reader *reader, int8_t *row);

/* Bytes of a table, padding included, and whether it is canonical and complete; `table` holds at least 4 bytes. */
uint32_t dqa_huffman_bytes(const uint8_t *table);
bool dqa_huffman_valid(const uint8_t *table);

/* Reads the next row of a whole map, from `row` on, to values[row_values]; NULL skips it. Returns the row's end, at
 * most `end`, the map's. */
const uint8_t *dqa_map_read_row(const struct dqa_edge *edge, const uint8_t *row, const uint8_t *end, int8_t *values);

/* Reads a row of any other edge. */
void dqa_read_row(const struct dqa_edge *edge, const uint8_t *row, int8_t *values);

/* Writes the rows of a whole map in order. */
struct dqa_writer {
  uint32_t row;     /* rows written */
  uint32_t extra;   /* bytes they took: of a map beyond their base, of a coded map all */
  uint16_t dropped; /* of these, without their errors or some of their bits */
  uint16_t level;   /* of the last, in a coded map */
};
/* Stores the next row; changes values[row_values]. */
void dqa_map_write_row(struct dqa_writer *writer, const struct dqa_edge *edge, uint8_t *data, int8_t *values);

/* Stores a row of a ring of packed rows; changes values[row_values]. */
void dqa_packed_write_row(const struct dqa_edge *edge, uint8_t *row, int8_t *values);

#endif
