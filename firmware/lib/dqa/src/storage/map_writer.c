/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: writes maps row by row; decides for each row of a map whether its errors fit (docs/format.md, section 2, "DQA
 * map").
 *
 * A row is its code plane (plane.c) and, where channels are important, a header that says whether the errors were
 * dropped and how many bytes they take, and the errors of these channels, Huffman-coded or as they are.
 *
 * `capacity >= height * base` is checked at load. A row takes base + extra bytes with extra <= pool - used, so the rows
 * to come always have their base: a map cannot overflow, whatever the values are. */
#include "map.h"

#include "huffman.h"
#include "plane.h"

/* The bytes an error plane of this row may have, or -1 if even an empty one counts as dropped. */
static int32_t error_room(const struct dqa_writer *writer, const struct dqa_edge *edge, uint32_t base) {
  const uint32_t pool = edge->capacity - edge->height * base, used = writer->extra;
  const uint32_t expected = (edge->height - 1u - writer->row) * edge->expected_extra; /* <= 65534 * 65535 */
  if (expected > pool - used) {
    return -1;
  }
  const uint32_t extra =
      (pool - used - expected) & ~3u; /* extras are multiples of 4; 2 bytes come with the header's word */
  return extra + 2 < DQA_MAX_ERROR_BYTES ? (int32_t)extra + 2 : DQA_MAX_ERROR_BYTES;
}

/* Writes header, errors if they fit, and padding behind the code plane of a row. */
static void write_errors(struct dqa_writer *writer, const struct dqa_edge *edge, uint8_t *row, const int8_t *values) {
  const uint32_t base = dqa_map_base_bytes(edge);
  uint8_t *header = row + base - 4;
  struct dqa_bit_writer bits = {header + 2, header + 2, 0, 0, true};
  const int32_t room = error_room(writer, edge, base);
  if (room >= 0) {
    bits.end += room;
    bits.full = false;
    dqa_errors_write(edge, values, &bits);
    dqa_bit_flush(&bits);
  }
  const uint32_t bytes = bits.full ? 0 : (uint32_t)(bits.next - (header + 2));
  const uint32_t word = bytes << 4 | (bits.full ? edge->extra_bits : 0u);
  writer->dropped = (uint16_t)(writer->dropped + bits.full);
  header[0] = (uint8_t)word;
  header[1] = (uint8_t)(word >> 8);
  for (uint32_t i = 2 + bytes; i < dqa_align(2 + bytes); ++i) {
    header[i] = 0;
  }
  writer->extra += dqa_align(2 + bytes) - 4;
}

/* Clears the errors of the important channels: rounding then leaves their codes as they are. */
static void clear_errors(const struct dqa_edge *edge, int8_t *row) {
  const uint32_t mask = (1u << edge->extra_bits) - 1u;
  for (uint32_t x = 0; x < edge->width; ++x, row += edge->channels) {
    for (uint32_t i = 0; i < edge->important_count; ++i) {
      int8_t *value = row + dqa_u16(edge->important + 2 * i);
      *value = (int8_t)(*value - (int32_t)((uint32_t)(*value - edge->low) & mask));
    }
  }
}

/* Values to codes in place, rounded to the nearest. */
static void to_codes(const struct dqa_edge *edge, int8_t *row) {
  const int32_t m = edge->extra_bits, half = (1 << m) >> 1, highest = (1 << edge->code_bits) - 1;
  uint8_t *codes = (uint8_t *)row;
  for (uint32_t i = 0; i < edge->row_values; ++i) {
    const int32_t code = (row[i] - edge->low + half) >> m;
    codes[i] = (uint8_t)(code < highest ? code : highest);
  }
}

void dqa_packed_write_row(const dqa_model *model, struct dqa_writer *writer, const struct dqa_edge *edge, uint8_t *data,
                          int8_t *values) {
  (void)model;
  uint8_t *row = data + writer->row * dqa_map_base_bytes(edge) + writer->extra;
  if (dqa_has_errors(edge)) {
    write_errors(writer, edge, row, values);
    clear_errors(edge, values);
  }
  to_codes(edge, values);
  dqa_plane_pack((const uint8_t *)values, edge->row_values, edge->code_bits, row);
  ++writer->row;
}
