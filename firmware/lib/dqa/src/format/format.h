/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: what a program's bytes are: limits, fields of its records (docs/format.md), loads.
 *
 * Assumptions: little-endian; >> of a negative number is arithmetic (every compiler for these machines).
 * Everything trusts a program that dqa_load accepted; only what checks reads an unchecked one. */
#ifndef DQA_FORMAT_H
#define DQA_FORMAT_H

#include "dqa.h"

#include <stdbool.h>
#include <string.h>

/* Of a function that has the registers to itself; of one that is a part of every caller; of one that runs once, which
 * the compiler makes small. */
#if defined(__GNUC__)
#define DQA_COLD __attribute__((cold))
#define DQA_NOINLINE __attribute__((noinline))
#define DQA_INLINE inline __attribute__((always_inline))
#else
#define DQA_COLD
#define DQA_NOINLINE
#define DQA_INLINE inline
#endif

/* Limits of the format. */
enum {
  DQA_HEADER_BYTES = 64,
  DQA_EDGE_BYTES = 40,
  DQA_OPERATOR_BYTES = 24,
  DQA_WINDOW_BYTES = 8,
  DQA_REQUANTIZATION_BYTES = 16,
  DQA_MAX_COUNT = 4096,
  DQA_MAX_ENDS = 8,
  DQA_MAX_INPUTS = 16,
  DQA_MAX_KERNEL_ROWS = 64,
  DQA_MAX_VALUES = 1 << 24,
  DQA_MAX_ROW_VALUES = 1 << 18,
  DQA_MAX_CAPACITY = 1 << 24,
  DQA_MAX_ERROR_BYTES = 4095,
  DQA_MAX_EXTRA_BITS = 4,
  DQA_MAX_PERIOD = 1 << 21 /* twice as many rows by any stride stay below DQA_ENDLESS */
};

enum dqa_storage { DQA_RAW_INT8 = 0, DQA_RAW_UINT8 = 1, DQA_MAP = 2, DQA_RING = 3, DQA_CODED = 4 };
enum { DQA_LAYOUTS = 3 }; /* in the table: CONTINUOUS has none of its own */
enum dqa_weight_encoding {
  DQA_WEIGHTS_INT8 = 0,
  DQA_WEIGHTS_BOOK = 1,
  DQA_WEIGHTS_BOOKS = 2,
  DQA_WEIGHTS_PAIRS = 3, /* of a dense layer */
  DQA_WEIGHTS_AFFINE = 4 /* codes of 4 bits: weights.h */
};
enum { DQA_BOOK = 16 }; /* values of a code book */
enum dqa_error_coding { DQA_ERRORS_NONE = 0, DQA_ERRORS_RAW = 1, DQA_ERRORS_HUFFMAN = 2 };

/* Where the fields of the records are (docs/format.md, sections 3 to 5). */
enum dqa_header_field {
  DQA_HEADER_MAGIC = 0,
  DQA_HEADER_VERSION = 4,
  DQA_HEADER_SIZE = 6,
  DQA_HEADER_PROGRAM_SIZE = 8,
  DQA_HEADER_CRC = 12,
  DQA_HEADER_CRC_FROM = 16, /* the CRC covers the bytes from here */
  DQA_HEADER_EDGE_COUNT = 16,
  DQA_HEADER_OP_COUNT = 18,
  DQA_HEADER_INPUT_COUNT = 20,
  DQA_HEADER_OUTPUT_COUNT = 21,
  DQA_HEADER_RESERVED_1 = 22,
  DQA_HEADER_EDGES = 24,
  DQA_HEADER_OPERATORS = 28,
  DQA_HEADER_LAYOUTS = 32,
  DQA_HEADER_ARENA_SIZES = 36, /* of each layout */
  DQA_HEADER_PERIOD = 48,
  DQA_HEADER_RESERVED_2 = 52
};
enum dqa_edge_field {
  DQA_EDGE_HEIGHT = 0,
  DQA_EDGE_WIDTH = 2,
  DQA_EDGE_CHANNELS = 4,
  DQA_EDGE_STORAGE = 6,
  DQA_EDGE_ERROR_CODING = 7,
  DQA_EDGE_CODE_BITS = 8,
  DQA_EDGE_EXTRA_BITS = 9,
  DQA_EDGE_LOW = 10,
  DQA_EDGE_ZERO_POINT = 11,
  DQA_EDGE_CAPACITY = 12,
  DQA_EDGE_ZERO_POINTS = 16,
  DQA_EDGE_IMPORTANT = 20,
  DQA_EDGE_IMPORTANT_COUNT = 24,
  DQA_EDGE_EXPECTED_EXTRA = 26,
  DQA_EDGE_CODING = 28,
  DQA_EDGE_RING_ROWS = 32,
  DQA_EDGE_RESERVED = 34
};
enum dqa_operator_field {
  DQA_OPERATOR_KIND = 0,
  DQA_OPERATOR_INPUT_COUNT = 1,
  DQA_OPERATOR_OUTPUT = 2,
  DQA_OPERATOR_INPUTS = 4,
  DQA_OPERATOR_PARAMETERS = 8,
  DQA_OPERATOR_PARAMETER_BYTES = 12,
  DQA_OPERATOR_SCRATCH_BYTES = 16,
  DQA_OPERATOR_PHASE = 20,
  DQA_OPERATOR_WEIGHT_ENCODING = 22,
  DQA_OPERATOR_BLOCK = 23
};
enum dqa_huffman_field { DQA_HUFFMAN_MAX_LENGTH = 0, DQA_HUFFMAN_SYMBOL_BITS = 1, DQA_HUFFMAN_LENGTHS = 4 };

#define DQA_MAGIC 0x50415144u
#define DQA_VERSION 1u
#define DQA_MODEL_MARK 0xD9u /* of a dqa_model that dqa_load filled */
#define DQA_NOWHERE                                                                                                    \
  0xFFFFFFFFu /* arena offset of a buffer not in the arena; arena size of a layout that is not there */
#define DQA_IN_OUTPUT 0x80000000u /* the bit of an offset that counts from the caller's first output */

/* Loads from the program or the arena at any alignment. */
static inline uint16_t dqa_u16(const uint8_t *from) {
  uint16_t value;
  memcpy(&value, from, sizeof value);
  return value;
}
static inline uint32_t dqa_u32(const uint8_t *from) {
  uint32_t value;
  memcpy(&value, from, sizeof value);
  return value;
}
static inline int32_t dqa_i32(const uint8_t *from) {
  int32_t value;
  memcpy(&value, from, sizeof value);
  return value;
}
static inline int16_t dqa_i16(const uint8_t *from) {
  int16_t value;
  memcpy(&value, from, sizeof value);
  return value;
}
static inline void dqa_put_u32(uint8_t *to, uint32_t value) { memcpy(to, &value, sizeof value); }

/* Copies values inside of the arena, where a wrong layout may let them overlap. */
static inline void dqa_copy(int8_t *to, const void *from, uint32_t count) { memmove(to, from, count); }

/* uint8 to int8 around 128, or back. */
static inline void dqa_turn_signs(void *to, const void *from, uint32_t count) {
  uint8_t *out = to;
  const uint8_t *in = from;
  for (; count >= 4; count -= 4, in += 4, out += 4) {
    dqa_put_u32(out, dqa_u32(in) ^ 0x80808080u);
  }
  for (; count > 0; --count) {
    *out++ = *in++ ^ 128u;
  }
}

static inline uint32_t dqa_align(uint32_t bytes) { return (bytes + 3u) & ~3u; }

#endif
