/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: NORMALIZATION of the channels of each pixel.
 *
 * With v = value - zero point and n channels: d = n * v - sum(v) if it is centered, else v; w = sum(d^2) / n (which is
 * a whole number) or sum(v^2), plus epsilon. acc = bias + weight * (d / sqrt(w) in units of 2^-fraction). */
#include "operator.h"
#include "requantize.h"

enum { EPSILON = 0, CENTERED = 8, FRACTION = 9, WEIGHTS = 12, MOST_FRACTION = 16, MOST_WEIGHT = 4096 };

/* 1 / sqrt: reciprocal * 2^-(31 + halvings), reciprocal in 2^15 .. 2^16. */
struct inverse_root {
  uint32_t reciprocal;
  int32_t halvings;
};

static uint32_t square_root(uint32_t x) {
  uint32_t root = 0;
  for (uint32_t bit = 1u << 15; bit > 0; bit >>= 1) {
    const uint32_t tried = root | bit;
    root = tried * tried <= x ? tried : root;
  }
  return root;
}

static struct inverse_root invert(uint64_t w) {
  struct inverse_root result = {0, 0};
  w = w == 0 ? 1 : w;
  for (; w >> 32 != 0; w >>= 2) {
    ++result.halvings;
  }
  for (; w < (uint64_t)1 << 30; w <<= 2) {
    --result.halvings;
  }
  result.reciprocal = (1u << 31) / square_root((uint32_t)w);
  return result;
}

static void pixel(const struct dqa_op *op, const int8_t *values, int8_t *out) {
  const int32_t channels = op->output.channels, zero = op->input.zero_point;
  const bool centered = op->parameters[CENTERED] != 0;
  int32_t sum = 0;
  uint64_t squares = 0;
  for (int32_t i = 0; i < channels; ++i) {
    const int32_t v = values[i] - zero;
    sum += v;
    squares += (uint32_t)(v * v);
  }
  const int32_t factor = centered ? channels : 1, offset = centered ? sum : 0;
  uint64_t w = (uint64_t)dqa_u32(op->parameters + EPSILON + 4) << 32 | dqa_u32(op->parameters + EPSILON);
  w += squares * (uint32_t)factor - (uint64_t)((int64_t)offset * offset);
  const struct inverse_root inverse = invert(w);
  const uint32_t shift = (uint32_t)(31 + inverse.halvings - op->parameters[FRACTION]);
  const int64_t half = ((int64_t)1 << shift) >> 1;
  for (int32_t i = 0; i < channels; ++i) {
    const int64_t d = (int64_t)((values[i] - zero) * factor - offset) * inverse.reciprocal;
    const int32_t normal = (int32_t)((d + half) >> shift);
    struct dqa_channel c;
    dqa_channel_at(op, (uint32_t)i, &c);
    out[i] = dqa_finish(&c, c.bias + normal * dqa_i16(dqa_op_table(op, WEIGHTS) + 2 * i));
  }
}

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  const uint32_t channels = op->output.channels;
  struct dqa_ring ring;
  (void)acc;
  dqa_ring_of(op, 0, &ring);
  const int8_t *values = dqa_ring_slot(&ring, y);
  for (uint32_t x = 0; x < op->output.width; ++x) {
    pixel(op, values + x * channels, out + x * channels);
  }
}

/* |d / sqrt(w)| <= sqrt(channels), or 1; in its units it stays within 2^18. */
static bool check(const struct dqa_op *op) {
  const uint8_t *p = op->parameters;
  const uint32_t channels = op->output.channels;
  if (!dqa_same_shape(&op->input, &op->output) || op->input.zero_points != NULL || p[CENTERED] > 1 ||
      p[FRACTION] > MOST_FRACTION || p[10] != 0 || p[11] != 0 || dqa_u32(p + EPSILON + 4) >= 1u << 16 ||
      (p[CENTERED] != 0 && channels > (uint64_t)1 << (36 - 2 * p[FRACTION])) ||
      !dqa_in_program(op->model, dqa_u32(p + WEIGHTS), channels, 2) || !dqa_biases_fit(op, 1u << 30)) {
    return false;
  }
  for (uint32_t c = 0; c < channels; ++c) {
    const int32_t weight = dqa_i16(dqa_op_table(op, WEIGHTS) + 2 * c);
    if (weight < -MOST_WEIGHT || weight > MOST_WEIGHT) {
      return false;
    }
  }
  return true;
}

const struct dqa_operator dqa_op_normalization = {.parameter_bytes = 16 + DQA_REQUANTIZATION_BYTES,
                                                  .min_inputs = 1,
                                                  .max_inputs = 1,
                                                  .traits = DQA_REQUANTIZES,
                                                  .check = check,
                                                  .goes_on = dqa_rows_go_on,
                                                  .row = row};
