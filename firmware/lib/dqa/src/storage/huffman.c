/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: the error plane of a row: one symbol per important channel and pixel, raw bits or canonical Huffman codewords.
 *
 * Codewords have at most 8 bits, so one table of at most 256 bytes decodes a symbol in one look. The code is complete:
 * any bits decode, and a reader stays inside its row whatever the bits are. */
#include "huffman.h"

void dqa_bit_put(struct dqa_bit_writer *writer, uint32_t bits, uint32_t count) {
  writer->bits = writer->bits << count | bits;
  writer->count += count;
  while (writer->count >= 8) {
    if (writer->next == writer->end) {
      writer->full = true;
      writer->count = 0;
      return;
    }
    writer->count -= 8;
    *writer->next++ = (uint8_t)(writer->bits >> writer->count);
  }
}

void dqa_bit_flush(struct dqa_bit_writer *writer) {
  if (writer->count > 0) {
    dqa_bit_put(writer, 0, 8 - writer->count);
  }
}

/* The next `count` <= 8 bits, not taken. */
static uint32_t peek(struct dqa_bit_reader *reader, uint32_t count) {
  while (reader->count < count) {
    reader->bits = reader->bits << 8 | (reader->next < reader->end ? *reader->next++ : 0u);
    reader->count += 8;
  }
  return (reader->bits >> (reader->count - count)) & ((1u << count) - 1u);
}

static const uint8_t *codes_of(const uint8_t *table) {
  return table + DQA_HUFFMAN_LENGTHS + (1u << table[DQA_HUFFMAN_SYMBOL_BITS]);
}

static const uint8_t *decoder_of(const uint8_t *table) {
  return table + DQA_HUFFMAN_LENGTHS + (2u << table[DQA_HUFFMAN_SYMBOL_BITS]);
}

void dqa_errors_write(const struct dqa_edge *edge, const int8_t *row, struct dqa_bit_writer *writer) {
  const uint32_t mask = (1u << edge->extra_bits) - 1u;
  const bool coded = edge->error_coding == DQA_ERRORS_HUFFMAN;
  const uint8_t *lengths = coded ? edge->coding + DQA_HUFFMAN_LENGTHS : NULL;
  const uint8_t *codes = coded ? codes_of(edge->coding) : NULL;
  for (uint32_t x = 0; x < edge->width && !writer->full; ++x, row += edge->channels) {
    for (uint32_t i = 0; i < edge->important_count; ++i) {
      const uint32_t error = (uint32_t)(row[dqa_u16(edge->important + 2 * i)] - edge->low) & mask;
      if (coded) {
        dqa_bit_put(writer, codes[error], lengths[error]);
      } else {
        dqa_bit_put(writer, error, edge->extra_bits);
      }
    }
  }
}

void dqa_errors_read(const struct dqa_edge *edge, struct dqa_bit_reader *reader, int8_t *row) {
  const bool coded = edge->error_coding == DQA_ERRORS_HUFFMAN;
  const uint8_t *decoder = coded ? decoder_of(edge->coding) : NULL;
  const uint32_t look = coded ? edge->coding[DQA_HUFFMAN_MAX_LENGTH] : edge->extra_bits;
  for (uint32_t x = 0; x < edge->width; ++x, row += edge->channels) {
    for (uint32_t i = 0; i < edge->important_count; ++i) {
      int8_t *value = row + dqa_u16(edge->important + 2 * i);
      uint32_t error = peek(reader, look);
      uint32_t length = look;
      if (coded) {
        length = decoder[error] >> 4;
        error = decoder[error] & 15u;
      }
      reader->count -= length;
      *value = (int8_t)(*value + (int32_t)error);
    }
  }
}

DQA_COLD uint32_t dqa_huffman_bytes(const uint8_t *table) {
  return dqa_align(DQA_HUFFMAN_LENGTHS + (2u << table[DQA_HUFFMAN_SYMBOL_BITS]) +
                   (1u << table[DQA_HUFFMAN_MAX_LENGTH]));
}

DQA_COLD bool dqa_huffman_valid(const uint8_t *table) {
  const uint32_t max_length = table[DQA_HUFFMAN_MAX_LENGTH];
  const uint32_t symbols = 1u << table[DQA_HUFFMAN_SYMBOL_BITS];
  const uint8_t *lengths = table + DQA_HUFFMAN_LENGTHS;
  const uint8_t *codes = codes_of(table);
  const uint8_t *decoder = decoder_of(table);
  const uint32_t end = (uint32_t)(decoder - table) + (1u << max_length);
  uint32_t next = 0;  /* codeword, aligned to max_length bits: also the index of its first decoder entry */
  uint32_t found = 0; /* symbols with a codeword so far */
  for (uint32_t length = 1; length <= max_length; ++length) {
    for (uint32_t symbol = 0; symbol < symbols; ++symbol) {
      if (lengths[symbol] == length) {
        const uint32_t entries = 1u << (max_length - length);
        if (next + entries > 1u << max_length || codes[symbol] != next >> (max_length - length)) {
          return false;
        }
        for (uint32_t i = 0; i < entries; ++i) {
          if (decoder[next + i] != (symbol | length << 4)) {
            return false;
          }
        }
        next += entries;
        ++found;
      }
    }
  }
  for (uint32_t i = end; i < dqa_huffman_bytes(table); ++i) {
    if (table[i] != 0) {
      return false;
    }
  }
  return found == symbols && next == 1u << max_length;
}
