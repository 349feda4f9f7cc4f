/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: views of a program's records, and what operators and storage promise each other.
 *
 * Operators work on rows of int8 values and know nothing of storage. They see rings of input rows and get a place for
 * an output row; run.h says how rows come and go.
 *
 * Assumptions: little-endian; >> of a negative number is arithmetic (every compiler for these machines).
 * Everything below trusts a program that dqa_load accepted; only check*.c reads an unchecked one. */
#ifndef DQA_INTERNAL_H
#define DQA_INTERNAL_H

#include "dqa.h"

#include <stdbool.h>
#include <string.h>

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
  DQA_MAX_EXTRA_BITS = 4
};

enum dqa_storage { DQA_RAW_INT8 = 0, DQA_RAW_UINT8 = 1, DQA_MAP = 2, DQA_RING = 3, DQA_CODED = 4 };
enum { DQA_LAYOUTS = 3 };
enum dqa_weight_encoding { DQA_WEIGHTS_INT8 = 0, DQA_WEIGHTS_BOOK = 1, DQA_WEIGHTS_BOOKS = 2 };
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
  DQA_HEADER_RESERVED_2 = 48
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
  DQA_OPERATOR_WEIGHT_ENCODING = 22
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

/* The arena size of a layout; DQA_NOWHERE if the program is without it. */
static inline uint32_t dqa_arena_size(const dqa_model *model, uint32_t layout) {
  return dqa_u32(model->bytes + DQA_HEADER_ARENA_SIZES + 4 * layout);
}

/* Copies values inside of the arena, where a wrong layout may let them overlap. */
static inline void dqa_copy(int8_t *to, const void *from, uint32_t count) { memmove(to, from, count); }

static inline uint32_t dqa_align(uint32_t bytes) { return (bytes + 3u) & ~3u; }

/* ---- Edges ---- */

struct dqa_edge {
  const uint8_t *zero_points; /* i8[channels], or NULL: all are zero_point */
  const uint8_t *important;   /* u16[important_count], or NULL */
  const uint8_t *coding;      /* Huffman table of a map, coding record of a coded map, or NULL */
  uint32_t row_values;        /* width * channels */
  uint32_t capacity;
  uint16_t height, width, channels;
  uint16_t important_count, expected_extra;
  uint16_t ring_rows; /* slots of a ring, 0: the whole edge is stored */
  uint8_t storage, error_coding, code_bits, extra_bits;
  int8_t low, high, zero_point;
};

void dqa_edge_at(const dqa_model *model, uint32_t number, struct dqa_edge *edge);

static inline const uint8_t *dqa_edge_record(const dqa_model *model, uint32_t number) {
  return model->bytes + dqa_u32(model->bytes + DQA_HEADER_EDGES) + number * DQA_EDGE_BYTES;
}
static inline uint32_t dqa_edge_height(const dqa_model *model, uint32_t number) {
  return dqa_u16(dqa_edge_record(model, number) + DQA_EDGE_HEIGHT);
}

static inline uint32_t dqa_edge_capacity(const dqa_model *model, uint32_t number) {
  return dqa_u32(dqa_edge_record(model, number) + DQA_EDGE_CAPACITY);
}

/* Whether rows follow each other at their packed length, so that they are found only one after the other. */
static inline bool dqa_is_whole_map(const struct dqa_edge *edge) {
  return (edge->storage == DQA_MAP || edge->storage == DQA_CODED) && edge->ring_rows == 0;
}

/* Rows of a ring, or of the whole edge. */
static inline uint32_t dqa_edge_slots(const struct dqa_edge *edge) {
  return edge->ring_rows > 0 ? edge->ring_rows : edge->height;
}

/* Where row y lies in an edge that is no whole map. */
static inline uint32_t dqa_row_offset(const struct dqa_edge *edge, uint32_t y) {
  const uint32_t slots = dqa_edge_slots(edge);
  return y % slots * (edge->capacity / slots);
}

/* The zero point of a channel. */
static inline int32_t dqa_zero_point(const struct dqa_edge *edge, uint32_t channel) {
  return edge->zero_points ? (int8_t)edge->zero_points[channel] : edge->zero_point;
}

/* Whether all zero points are 0, so that padding adds nothing to a sum. */
bool dqa_pads_with_zeros(const struct dqa_edge *edge);

/* Sets pixels * channels values to the zero points. */
void dqa_fill_zero_points(const struct dqa_edge *edge, int8_t *values, uint32_t pixels);

/* ---- Operators ---- */

struct dqa_window {
  uint8_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left;
};

/* Rows the dilated kernel spans. */
static inline uint32_t dqa_window_rows(const struct dqa_window *w) { return (w->kernel_h - 1u) * w->dilation_h + 1u; }
static inline uint32_t dqa_window_columns(const struct dqa_window *w) {
  return (w->kernel_w - 1u) * w->dilation_w + 1u;
}

/* One operator of a program, parsed when its turn comes. */
struct dqa_op {
  const dqa_model *model;
  const struct dqa_run *run; /* NULL outside of a run */
  const struct dqa_operator *methods;
  const uint8_t *inputs; /* u16[input_count]: edge numbers */
  const uint8_t *parameters;
  const uint8_t *bias, *multiplier, *shift; /* of each output channel, where it requantizes */
  uint32_t scratch_bytes;
  uint16_t number, output_number;
  uint8_t input_count, weight_encoding;
  struct dqa_window window; /* all 1, pads 0, where it has none */
  struct dqa_edge input;    /* input 0 */
  struct dqa_edge output;
};

void dqa_op_at(const dqa_model *model, uint32_t number, struct dqa_op *op);

static inline const uint8_t *dqa_op_record(const dqa_model *model, uint32_t number) {
  return model->bytes + dqa_u32(model->bytes + DQA_HEADER_OPERATORS) + number * DQA_OPERATOR_BYTES;
}
static inline uint32_t dqa_op_phase(const dqa_model *model, uint32_t number) {
  return dqa_u16(dqa_op_record(model, number) + DQA_OPERATOR_PHASE);
}

static inline uint32_t dqa_op_input(const struct dqa_op *op, uint32_t index) { return dqa_u16(op->inputs + 2 * index); }

/* A table the parameters name by its offset. */
static inline const uint8_t *dqa_op_table(const struct dqa_op *op, uint32_t parameter) {
  return op->model->bytes + dqa_u32(op->parameters + parameter);
}

/* The rows of an input as an operator sees them: row y lies in slot y modulo rows. */
struct dqa_ring {
  int8_t *slots;
  const int8_t *padding; /* a row of zero points, or NULL: there is none, or all of it is 0 */
  uint32_t row_bytes;    /* from one slot to the next */
  uint32_t rows;         /* slots */
  uint32_t height;       /* rows of the input */
};

static inline int8_t *dqa_ring_slot(const struct dqa_ring *ring, uint32_t y) {
  return ring->slots + y % ring->rows * ring->row_bytes;
}

/* Row y of the input; the padding row where y is outside of it. */
static inline const int8_t *dqa_ring_row(const struct dqa_ring *ring, int32_t y) {
  return y < 0 || (uint32_t)y >= ring->height ? ring->padding : dqa_ring_slot(ring, (uint32_t)y);
}

/* Input rows first .. first + count - 1; some may lie outside of the input. */
struct dqa_span {
  int32_t first;
  uint32_t count;
};

enum dqa_traits {
  DQA_WINDOW = 1,           /* parameters begin with a window */
  DQA_PADDED = 2,           /* zero points stand for values outside of the input, unless they are 0 */
  DQA_REQUANTIZES = 4,      /* parameters end with a requantization */
  DQA_COPIES = 8,           /* input and output values have one range */
  DQA_ONE_ROW_AT_ONCE = 16, /* of an input of one row it accumulates nothing */
  DQA_CODED_WEIGHTS = 32,   /* its weights may be indices into a code book */
  DQA_DECODES_AHEAD = 64    /* it decodes those of two output channels before it uses them */
};

/* The methods of a kind of operator. */
struct dqa_operator {
  uint8_t parameter_bytes;
  uint8_t min_inputs, max_inputs;
  uint8_t traits; /* dqa_traits */
  /* Whether parameters and shapes fit; the record, window and requantization tables are already checked. */
  bool (*check)(const struct dqa_op *op);
  /* The rows of an input that output row y needs, never more than its ring has; NULL: those of the window (row y
   * without one). */
  struct dqa_span (*span)(const struct dqa_op *op, uint32_t input, uint32_t y);
  /* Rows of an input's ring; NULL: those of the window (1 without one). */
  uint32_t (*ring_rows)(const struct dqa_op *op);
  /* NULL, or: takes input row y (0, 1, ... all in order); acc holds an int32 per output channel, begun at row 0. The
   * output has one row. */
  void (*accumulate)(const struct dqa_op *op, uint32_t y, const int8_t *row, int32_t *acc);
  /* Writes output row y from the rows of dqa_ring_of, or from acc if it accumulates (else NULL). */
  void (*row)(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out);
  const struct dqa_coder *coder; /* of the entry that is no operator, dqa_coded_maps; else NULL */
};

/* Whether it takes input rows as they come, into sums. */
static inline bool dqa_accumulates(const struct dqa_op *op) {
  return op->methods->accumulate != NULL && !(op->input.height == 1 && op->methods->traits & DQA_ONE_ROW_AT_ONCE);
}

/* The rows of an input that output row y needs, all of an input that is accumulated; neither end decreases with y. */
struct dqa_span dqa_op_span(const struct dqa_op *op, uint32_t input, uint32_t y);

/* The elements of a pool's window number `index` along one axis that lie inside the input; never none. */
struct dqa_range {
  uint32_t first, end;
};
static inline struct dqa_range dqa_window_inside(uint32_t kernel, uint32_t stride, uint32_t pad, uint32_t size,
                                                 uint32_t index) {
  const uint32_t start = index * stride, end = start + kernel; /* counted from the first padding element */
  const struct dqa_range range = {start < pad ? 0 : start - pad, end - pad < size ? end - pad : size};
  return range;
}

/* How an operator sees an input. */
struct dqa_view {
  uint32_t rows;       /* that one output row needs at most: slots of a ring of its own */
  uint32_t row_bytes;  /* padded columns included */
  uint32_t left_bytes; /* of them before the row's values */
  bool direct;         /* rows are read where they lie; otherwise they are copied into a ring of its own */
  bool padding_row;    /* a row of zero points stands for the rows above and below */
};
void dqa_view_of(const struct dqa_op *op, const struct dqa_edge *input, struct dqa_view *view);

/* Bytes of a view's own ring and of its row of padding. */
static inline uint32_t dqa_view_ring_bytes(const struct dqa_view *view) {
  return view->direct ? 0 : dqa_align(view->rows * view->row_bytes);
}
static inline uint32_t dqa_view_padding_bytes(const struct dqa_view *view) {
  return view->padding_row ? dqa_align(view->row_bytes) : 0;
}

/* Scratch an operator keeps through its phase, and what it needs while it writes a row (docs/format.md, section 7): the
 * row itself before it is packed, then decoded weights. */
uint32_t dqa_scratch_bytes(const struct dqa_op *op);
uint32_t dqa_transient_bytes(const struct dqa_op *op);

/* Weights per output channel that it decodes ahead of their use, twice, behind the transient row; 0: none. */
uint32_t dqa_decoded_weights(const struct dqa_op *op);
int8_t *dqa_decoded_of(const struct dqa_op *op); /* only in a run */

/* The rows of an input; only in a run. */
void dqa_ring_of(const struct dqa_op *op, uint32_t input, struct dqa_ring *ring);

/* The input rows under the kernel at output row y: rows[i] is that of kernel row first + i. Rows and columns of padding
 * that add nothing do not exist: kernel rows are left out, and the columns outside are for the operator to skip. */
struct dqa_taps {
  const int8_t *rows[DQA_MAX_KERNEL_ROWS];
  uint32_t first, count;
  int32_t left;           /* column of the rows where the window of output column 0 begins, <= 0 */
  int32_t width;          /* columns of the rows */
  struct dqa_range whole; /* the output columns with the whole kernel inside the rows */
};
void dqa_taps_of(const struct dqa_op *op, uint32_t y, struct dqa_taps *taps);

/* The kernel's columns that lie inside the rows at output column x; none: first = end. */
struct dqa_range dqa_taps_columns(const struct dqa_op *op, const struct dqa_taps *taps, uint32_t x);

/* ---- Requantization ---- */

/* What an operator needs to finish one output channel. */
struct dqa_channel {
  int32_t bias, multiplier;
  int32_t rounding; /* half of a step before the shift */
  uint32_t shift;
  int32_t zero_point, low, high; /* of the output */
};

void dqa_channel_at(const struct dqa_op *op, uint32_t channel, struct dqa_channel *out);

/* floor((acc * multiplier + 2^(31 + shift)) / 2^(32 + shift)), rounding = 2^(shift - 1): the low word of the product
 * cannot carry into the rounding, so the high word is enough; a single SMMUL on Armv7E-M. */
static inline int32_t dqa_scale(int32_t acc, int32_t multiplier, int32_t rounding, uint32_t shift) {
  const int32_t high = (int32_t)(((int64_t)acc * multiplier) >> 32); /* |high| <= 2^30, so the sum stays below 2^31 */
  return (high + rounding) >> shift;
}

/* Requantizes a sum that includes the bias, adds the zero point and clamps. */
static inline int8_t dqa_finish(const struct dqa_channel *c, int32_t acc) {
  int32_t value = dqa_scale(acc, c->multiplier, c->rounding, c->shift) + c->zero_point;
  value = value < c->low ? c->low : value;
  value = value > c->high ? c->high : value;
  return (int8_t)value;
}

/* The same for a channel of two pixels `step` apart: out[0] and out[step]. */
void dqa_finish_pixels(const struct dqa_channel *c, int32_t acc0, int32_t acc1, int8_t *out, uint32_t step);

/* 1 / count in units of 2^-15, rounded. */
static inline int32_t dqa_reciprocal(uint32_t count) { return (int32_t)((32768u + count / 2u) / count); }

/* a + b modulo 2^32: for sums kept in the arena, over which another buffer lies in a wrong layout. */
static inline int32_t dqa_add_modulo(int32_t a, int32_t b) { return (int32_t)((uint32_t)a + (uint32_t)b); }

/* The largest sums without the bias: 2^23 over a pool of at most 2^15 elements; of products, 2^14 for each. */
#define DQA_POOL_SUM (1u << 23)
#define DQA_PRODUCT (1u << 14)
#define DQA_MAX_PRODUCTS ((1u << 17) - 1u) /* per output: their sum stays below 2^31 */

/* ---- Checks (check*.c) ---- */

/* Whether count elements of `size` >= 1 bytes lie in the program at a multiple of 4 behind the header. */
bool dqa_in_program(const dqa_model *model, uint32_t offset, uint32_t count, uint32_t size);
bool dqa_all_zero(const uint8_t *bytes, uint32_t count);
bool dqa_same_shape(const struct dqa_edge *a, const struct dqa_edge *b);
dqa_status dqa_check_edge(const dqa_model *model, uint32_t number);
dqa_status dqa_check_operator(const dqa_model *model, uint32_t number);
bool dqa_layouts_valid(const dqa_model *model);
/* Whether no bias lets a sum of at most `largest` leave int32. */
bool dqa_biases_fit(const struct dqa_op *op, uint32_t largest);

#endif
