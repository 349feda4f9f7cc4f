/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: RECURRENT, a layer of simple, GRU or LSTM units: a row of the input is a step in time. Its state, a number or
 * two per unit, is kept from row to row; the output is every row of it, or the last one.
 *
 * A gate of a unit is a function of two sums of products, of the input's row and of the state of the step before, each
 * scaled by itself into steps of the function's table. Four units at a time, gate by gate. */
#include "operator.h"
#include "products.h"
#include "requantize.h"

enum { SIMPLE = 0, GRU = 1, GRU_RESET_AFTER = 2, LSTM = 3, CELLS };
enum { CELL = 0, CELL_SHIFT = 1, INPUT = 4, STATE = 20, GATE = 36, FUNCTION = 40 };
enum { GATES = 4, UNITS = 4, TABLE = 257, MAX_CELL_SHIFT = 15 };
enum { MIN_SHIFT = 3, LEAST_DOWN = 33, MAX_SHIFT = 62 };
enum { ONE = 1 << 15, MAX_PART = (1 << 17) - 1, MAX_LSTM = (1 << 30) - ONE, STATE_STEPS = 256 };

static const uint8_t gates_of_cell[CELLS] = {1, 3, 3, 4};

/* Weights of gates, [gate][unit][length], and what becomes of their sums. */
struct product {
  const int8_t *weights;
  const uint8_t *bias, *multiplier, *shift;
  uint32_t length;
};

static void product_at(const struct dqa_op *op, uint32_t parameter, uint32_t length, struct product *product) {
  product->weights = (const int8_t *)dqa_op_table(op, parameter);
  product->bias = dqa_op_table(op, parameter + 4);
  product->multiplier = dqa_op_table(op, parameter + 8);
  product->shift = dqa_op_table(op, parameter + 12);
  product->length = length;
}

/* What a layer keeps: the state of each unit in steps of the function's value, and in bytes for the products. */
struct layer {
  const struct dqa_op *op;
  struct product input, state;
  const uint8_t *gate, *function; /* tables */
  uint32_t units, cell_shift;
  int16_t *hidden;
  int32_t *cell;   /* LSTM */
  int16_t *update; /* GRU whose reset comes before the products */
  int8_t *seen;    /* hidden in bytes */
  int8_t *reset;   /* the same GRU: what its reset gates leave of `hidden`, in bytes */
};

static uint32_t cell_of(const struct dqa_op *op) { return op->parameters[CELL]; }

static uint32_t kept_bytes(const struct dqa_op *op) {
  const uint32_t units = op->output.channels, cell = cell_of(op);
  const uint32_t bytes = dqa_align(2 * units) + dqa_align(units);
  return bytes + (cell == LSTM ? 4 * units : cell == GRU ? dqa_align(2 * units) + dqa_align(units) : 0);
}

static void layer_of(const struct dqa_op *op, struct layer *layer) {
  const uint32_t units = op->output.channels;
  int8_t *const at = (int8_t *)dqa_accumulators_of(op);
  int8_t *const behind = at + dqa_align(2 * units);
  layer->op = op;
  layer->units = units;
  product_at(op, INPUT, op->input.row_values, &layer->input);
  product_at(op, STATE, units, &layer->state);
  layer->gate = dqa_op_table(op, GATE);
  layer->function = dqa_op_table(op, FUNCTION);
  layer->cell_shift = op->parameters[CELL_SHIFT];
  layer->hidden = (int16_t *)(void *)at;
  layer->seen = behind;
  layer->cell = (int32_t *)(void *)(behind + dqa_align(units));
  layer->update = (int16_t *)(void *)layer->cell;
  layer->reset = behind + dqa_align(units) + dqa_align(2 * units);
}

static int32_t clamp(int32_t value, int32_t low, int32_t high) {
  return value < low ? low : value > high ? high : value;
}

static int16_t clamp_16(int32_t value) { return (int16_t)clamp(value, INT16_MIN, INT16_MAX); }

/* The product of a number and one in units of 2^-15. */
static int32_t share(int32_t of, int32_t a) { return (int32_t)(((int64_t)of * a + ONE / 2) >> 15); }

static int8_t in_bytes(int32_t hidden) { return (int8_t)clamp((hidden + STATE_STEPS / 2) >> 8, INT8_MIN, INT8_MAX); }

/* The function of a table, of 256 equal pieces of straight line over all numbers of 16 bits. */
static int32_t look_up(const uint8_t *table, int32_t at) {
  const uint32_t place = (uint32_t)(clamp_16(at) + 32768);
  const int32_t left = dqa_i16(table + 2 * (place >> 8)), right = dqa_i16(table + 2 * (place >> 8) + 2);
  return left + (((right - left) * (int32_t)(place & 255u) + 128) >> 8);
}

/* multiplier / 2^shift times a sum, rounded. Below a shift of 33 the sum moves up instead of the product down, held
 * where the result is far beyond what is asked for. */
static int32_t scale(int32_t sum, int32_t multiplier, uint32_t shift) {
  if (shift < LEAST_DOWN) {
    const int32_t most = 1 << (shift - 3u);
    sum = clamp(sum, -most, most) * (1 << (LEAST_DOWN - shift));
    shift = LEAST_DOWN;
  }
  return clamp(dqa_scale(sum, multiplier, 1 << (shift - LEAST_DOWN), shift - 32u), -MAX_PART, MAX_PART);
}

/* The sums of a gate of units first .. first + count - 1, in steps of the gate's table. */
static void sum_gate(const struct product *product, uint32_t row, uint32_t count, const int8_t *values,
                     int32_t out[UNITS]) {
  const int8_t *w[UNITS];
  int32_t sums[UNITS] = {0};
  const int8_t *at = product->weights + row * product->length;
  for (uint32_t i = 0; i < UNITS; ++i) {
    w[i] = at;
    at += i + 1u < count ? product->length : 0;
  }
  dqa_products_4x1(w, values, product->length, sums);
  for (uint32_t i = 0; i < count; ++i) {
    out[i] = scale(sums[i] + dqa_i32(product->bias + 4 * (row + i)), dqa_i32(product->multiplier + 4 * (row + i)),
                   product->shift[row + i]);
  }
}

static void sum_gates(const struct product *product, uint32_t units, uint32_t first_gate, uint32_t end_gate,
                      uint32_t unit, uint32_t count, const int8_t *values, int32_t out[GATES][UNITS]) {
  for (uint32_t g = first_gate; g < end_gate; ++g) {
    sum_gate(product, g * units + unit, count, values, out[g]);
  }
}

/* From what a GRU held towards `candidate`, as far as its update gate lets go. */
static int16_t mix(int32_t hidden, int32_t candidate, int32_t update) {
  return clamp_16(candidate + share(hidden - candidate, update));
}

/* The new state of a unit; i is its place in x and h, the sums of its gates. */
static void move(const struct layer *layer, uint32_t unit, int32_t x[GATES][UNITS], int32_t h[GATES][UNITS],
                 uint32_t i) {
  const uint8_t *const gate = layer->gate, *const function = layer->function;
  int16_t *const hidden = layer->hidden + unit;
  switch (cell_of(layer->op)) {
  case GRU:
    *hidden = mix(*hidden, look_up(function, x[2][i] + h[2][i]), layer->update[unit]);
    break;
  case GRU_RESET_AFTER: {
    const int32_t update = look_up(gate, x[0][i] + h[0][i]), reset = look_up(gate, x[1][i] + h[1][i]);
    *hidden = mix(*hidden, look_up(function, x[2][i] + share(h[2][i], reset)), update);
    break;
  }
  case LSTM: {
    const int32_t input = look_up(gate, x[0][i] + h[0][i]), forget = look_up(gate, x[1][i] + h[1][i]);
    const int32_t candidate = look_up(function, x[2][i] + h[2][i]), output = look_up(gate, x[3][i] + h[3][i]);
    const int32_t kept = share(clamp(layer->cell[unit], -MAX_LSTM, MAX_LSTM), forget);
    const int32_t cell = kept + share(candidate, input);
    const int32_t half = (1 << layer->cell_shift) >> 1;
    layer->cell[unit] = cell;
    *hidden =
        clamp_16(share(look_up(function, clamp((cell + half) >> layer->cell_shift, INT16_MIN, INT16_MAX)), output));
    break;
  }
  default:
    *hidden = clamp_16(look_up(function, x[0][i] + h[0][i]));
  }
}

/* The gates of a GRU that are needed before the products of what its reset leaves. */
static void reset_all(const struct layer *layer, const int8_t *values) {
  int32_t x[GATES][UNITS], h[GATES][UNITS];
  for (uint32_t unit = 0; unit < layer->units; unit += UNITS) {
    const uint32_t count = layer->units - unit < UNITS ? layer->units - unit : UNITS;
    sum_gates(&layer->input, layer->units, 0, 2, unit, count, values, x);
    sum_gates(&layer->state, layer->units, 0, 2, unit, count, layer->seen, h);
    for (uint32_t i = 0; i < count; ++i) {
      layer->update[unit + i] = clamp_16(look_up(layer->gate, x[0][i] + h[0][i]));
      layer->reset[unit + i] = in_bytes(share(layer->hidden[unit + i], look_up(layer->gate, x[1][i] + h[1][i])));
    }
  }
}

/* One step in time. */
static void step(const struct dqa_op *op, uint32_t y, const int8_t *values) {
  const uint32_t cell = cell_of(op), first = cell == GRU ? 2 : 0, gates = gates_of_cell[cell];
  int32_t x[GATES][UNITS], h[GATES][UNITS];
  struct layer layer;
  layer_of(op, &layer);
  if (y == 0) {
    memset(layer.hidden, 0, kept_bytes(op));
  }
  if (cell == GRU) {
    reset_all(&layer, values);
  }
  for (uint32_t unit = 0; unit < layer.units; unit += UNITS) {
    const uint32_t count = layer.units - unit < UNITS ? layer.units - unit : UNITS;
    sum_gates(&layer.input, layer.units, first, gates, unit, count, values, x);
    sum_gates(&layer.state, layer.units, first, gates, unit, count, cell == GRU ? layer.reset : layer.seen, h);
    for (uint32_t i = 0; i < count; ++i) {
      move(&layer, unit + i, x, h, i);
    }
  }
  for (uint32_t unit = 0; unit < layer.units; ++unit) {
    layer.seen[unit] = in_bytes(layer.hidden[unit]);
  }
}

static void accumulate(const struct dqa_op *op, uint32_t y, const int8_t *values, int32_t *acc) {
  (void)acc;
  step(op, y, values);
}

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  const int16_t *const hidden = (const int16_t *)(const void *)dqa_accumulators_of(op);
  if (acc == NULL) {
    struct dqa_ring ring;
    dqa_ring_of(op, 0, &ring);
    step(op, y, dqa_ring_slot(&ring, y));
  }
  for (uint32_t o = 0; o < op->output.channels; ++o) {
    struct dqa_channel c;
    dqa_channel_at(op, o, &c);
    out[o] = dqa_finish(&c, c.bias + hidden[o] * STATE_STEPS);
  }
}

static bool product_valid(const struct dqa_op *op, uint32_t parameter, uint32_t length) {
  const uint32_t rows = (uint32_t)gates_of_cell[cell_of(op)] * op->output.channels;
  const uint8_t *const at = op->parameters + parameter;
  struct product product;
  if (length > DQA_MAX_PRODUCTS || !dqa_in_program(op->model, dqa_u32(at), rows, length) ||
      !dqa_in_program(op->model, dqa_u32(at + 4), rows, 4) || !dqa_in_program(op->model, dqa_u32(at + 8), rows, 4) ||
      !dqa_in_program(op->model, dqa_u32(at + 12), rows, 1)) {
    return false;
  }
  product_at(op, parameter, length, &product);
  const int32_t most = INT32_MAX - (int32_t)(length * DQA_PRODUCT);
  for (uint32_t r = 0; r < rows; ++r) {
    const int32_t bias = dqa_i32(product.bias + 4 * r);
    if (bias > most || bias < -most || dqa_i32(product.multiplier + 4 * r) < 0 || product.shift[r] < MIN_SHIFT ||
        product.shift[r] > MAX_SHIFT) {
      return false;
    }
  }
  return true;
}

static bool check(const struct dqa_op *op) {
  return cell_of(op) < CELLS && op->parameters[CELL_SHIFT] <= MAX_CELL_SHIFT && dqa_u16(op->parameters + 2) == 0 &&
         op->output.width == 1 && (op->output.height == 1 || op->output.height == op->input.height) &&
         product_valid(op, INPUT, op->input.row_values) && product_valid(op, STATE, op->output.channels) &&
         dqa_in_program(op->model, dqa_u32(op->parameters + GATE), TABLE, 2) &&
         dqa_in_program(op->model, dqa_u32(op->parameters + FUNCTION), TABLE, 2) && dqa_biases_fit(op, DQA_POOL_SUM);
}

const struct dqa_operator dqa_op_recurrent = {.parameter_bytes = 44 + DQA_REQUANTIZATION_BYTES,
                                              .min_inputs = 1,
                                              .max_inputs = 1,
                                              .traits = DQA_REQUANTIZES,
                                              .check = check,
                                              .accumulate = accumulate,
                                              .kept_bytes = kept_bytes,
                                              .row = row};
