/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: what the author of an operator reads (docs/format.md, section 5).
 *
 * Operators work on rows of int8 values and know nothing of storage. They see rings of input rows and get a place for
 * an output row; run/flow.h says how rows come and go. */
#ifndef DQA_OPERATOR_H
#define DQA_OPERATOR_H

#include "../format/bounds.h"
#include "../format/edge.h"

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
  const struct dqa_memory *memory; /* of the run, NULL outside of one */
  const struct dqa_source *source; /* of input 0, while rows are written (scratch.h), else NULL */
  const struct dqa_operator *methods;
  const uint8_t *inputs; /* u16[input_count]: edge numbers */
  const uint8_t *parameters;
  const uint8_t *bias, *multiplier, *shift; /* of each output channel, where it requantizes */
  uint32_t scratch_bytes;
  uint16_t number, output_number;
  uint8_t input_count, weight_encoding, block; /* block: output pixels or channels at once, 0: no room for them */
  struct dqa_window window;                    /* all 1, pads 0, where it has none */
  struct dqa_edge input;                       /* input 0 */
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

/* The first of them that may exist. */
static inline uint32_t dqa_first_row(struct dqa_span span) { return span.first < 0 ? 0 : (uint32_t)span.first; }

enum dqa_traits {
  DQA_WINDOW = 1,           /* parameters begin with a window */
  DQA_PADDED = 2,           /* zero points stand for values outside of the input, unless they are 0 */
  DQA_REQUANTIZES = 4,      /* parameters end with a requantization */
  DQA_COPIES = 8,           /* input and output values have one range */
  DQA_ONE_ROW_AT_ONCE = 16, /* it accumulates, but of an input of one row nothing */
  DQA_CODED_WEIGHTS = 32,   /* its weights may be indices into a code book */
  DQA_DECODES_AHEAD = 64,   /* it decodes those of two output channels before it uses them */
  DQA_TRANSPOSED = 128      /* the window slides over the output, one step for each row and column of the input; a row
                               of zero points is there, unless they are 0 */
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
  /* NULL, or: where the output has one row, takes input row y (0, 1, ... all in order); acc holds an int32 per output
   * channel, or what `kept_bytes` says, begun at row 0. */
  void (*accumulate)(const struct dqa_op *op, uint32_t y, const int8_t *row, int32_t *acc);
  /* NULL, or bytes, a multiple of 4, that it keeps from row to row, at dqa_accumulators_of. */
  uint32_t (*kept_bytes)(const struct dqa_op *op);
  /* Whether its rows may go on without end (dqa_rows_go_on, dqa_windows_go_on); NULL: they may not. Then `span` and
   * `row` work for any y, with heights of DQA_ENDLESS. */
  bool (*goes_on)(const struct dqa_op *op);
  /* Writes output row y from the rows of dqa_ring_of, or from acc if it accumulates (else NULL). */
  void (*row)(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out);
  /* NULL, or: which DQA_PART_ has its `row` and, if it accumulates, `accumulate`. */
  uint32_t (*part)(const struct dqa_op *op);
  /* NULL, or: bytes of the room of a block of op->block > 0, 0 if it may have none. */
  uint32_t (*block_bytes)(const struct dqa_op *op);
  /* Of entries that are no operators, else NULL. */
  union {
    const struct dqa_coder *coder;     /* dqa_coded_maps, dqa_part_packed_maps */
    const struct dqa_endless *endless; /* dqa_part_endless */
    /* dqa_part_whole_input: dqa_run where rows are pushed. */
    dqa_status (*push_all)(const dqa_model *model, void *arena, const uint8_t *input, uint32_t *dropped);
  } brings;
};

/* How a model stores coded maps or packed ones, NULL if its operator table has no entry for them. */
static inline const struct dqa_coder *dqa_coder_of(const dqa_model *model, uint32_t storage) {
  const struct dqa_operator *const entry =
      model->operators[storage == DQA_CODED ? DQA_CODED_MAPS : DQA_PART_PACKED_MAPS];
  return entry == NULL ? NULL : entry->brings.coder;
}

/* The entry whose methods write an operator's rows; NULL if it is not linked. */
static inline const struct dqa_operator *dqa_part_of(const struct dqa_op *op) {
  return op->methods->part == NULL ? op->methods : op->model->operators[op->methods->part(op)];
}

/* Whether it takes input rows as they come, into sums. */
static inline bool dqa_accumulates(const struct dqa_op *op) {
  if (op->methods->traits & DQA_ONE_ROW_AT_ONCE) {
    return op->input.height > 1;
  }
  return op->methods->accumulate != NULL && op->output.height == 1;
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

/* What it needs while it writes a row: room for the weights of two output channels that it decodes ahead of their use,
 * or for its block; only in a run. */
int8_t *dqa_room_of(const struct dqa_op *op);

/* What it keeps from row to row: the sums of an operator that accumulates, an int32 per output channel, or what
 * kept_bytes says; only in a run. */
int32_t *dqa_accumulators_of(const struct dqa_op *op);

/* Whether a parameter's table has `count` entries of `size` bytes in the program, each of which begins with a u16 below
 * `limit`; ascending: they never decrease, so that rows are read once, in order. */
bool dqa_places_fit(const struct dqa_op *op, uint32_t parameter, uint32_t count, uint32_t size, uint32_t limit,
                    bool ascending);

/* goes_on of an operator that makes row y of rows y: all heights are equal. */
bool dqa_rows_go_on(const struct dqa_op *op);

/* goes_on of one with a window: no row below the input lies under it. */
bool dqa_windows_go_on(const struct dqa_op *op);

/* The rows of an input; only in a run. */
void dqa_ring_of(const struct dqa_op *op, uint32_t input, struct dqa_ring *ring);

#endif
