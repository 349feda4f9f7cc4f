/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: the error plane of a row, and the tables of its code. */
#ifndef DQA_HUFFMAN_H
#define DQA_HUFFMAN_H

#include "../format/edge.h"

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

#endif
