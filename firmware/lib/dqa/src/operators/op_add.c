/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: ADD. acc = bias + a * weights_a + b * weights_b, i16 weights per channel; a or b may be repeated. */
#include "broadcast.h"
#include "dsp.h"
#include "mve.h"
#include "requantize.h"

enum { WEIGHTS_A = 0, WEIGHTS_B = 4 };

/* What a row adds up. */
struct sum {
  struct dqa_operand a, b;
  const uint8_t *weights_a, *weights_b;
};

#ifdef DQA_DSP
/* Whether no input is repeated, and all channels have one zero point. */
static bool is_even(const struct dqa_op *op, const struct sum *sum) {
  const uint32_t channels = op->output.channels;
  return sum->a.pixel == channels && sum->b.pixel == channels && op->output.zero_points == NULL &&
         (channels == 1 || (sum->a.channel == 1 && sum->b.channel == 1));
}

/* Whether fast_row can: zero points can be added before the shifts, and the range of the output is one of those that
 * the processor clamps to. */
static bool is_plain(const struct dqa_op *op, const struct sum *sum) {
  const struct dqa_edge *const output = &op->output;
  return is_even(op, sum) && output->high == INT8_MAX && (output->low == 0 || output->low == INT8_MIN) &&
         dqa_zero_point_folds(op);
}

#ifdef DQA_MVE
/* 17 instructions for four channels of a pixel; the last four begin among those before them. */
static inline void vector_row(const struct dqa_op *op, const struct sum *sum, int8_t *out) {
  const uint32_t channels = op->output.channels, width = op->output.width;
  for (uint32_t done = 0; done < channels; done += 4) {
    const uint32_t o = done + 4 > channels ? channels - 4 : done;
    const uint8_t *const bias = op->bias + 4 * o;
    int16_t weights[2][4]; /* where vectors of 16 bits may lie */
    memcpy(weights[0], sum->weights_a + 2 * o, sizeof weights[0]);
    memcpy(weights[1], sum->weights_b + 2 * o, sizeof weights[1]);
    const int32x4_t wa = vldrhq_s32(weights[0]), wb = vldrhq_s32(weights[1]);
    const struct mve_ends ends = mve_ends_of(op, o);
    const int8_t *a = sum->a.values + o, *b = sum->b.values + o;
    int8_t *to = out + o;
    for (uint32_t x = width; x > 0; --x, a += channels, b += channels, to += channels) {
      int32x4_t acc = mve_words(bias);
      acc = vaddq_s32(acc, vmulq_s32(vldrbq_s32(a), wa));
      acc = vaddq_s32(acc, vmulq_s32(vldrbq_s32(b), wb));
      mve_finish(acc, &ends, to);
    }
  }
}
#endif

/* 11 instructions an element. */
static inline void fast_row(const struct dqa_op *op, const struct sum *sum, int8_t *out, int32_t (*clamp)(int32_t)) {
  const uint32_t channels = op->output.channels, count = op->output.row_values;
  const int32_t zero_point = op->output.zero_point;
  const int8_t *const a = sum->a.values, *const b = sum->b.values;
  for (uint32_t o = 0; o < channels; ++o) {
    const int32_t wa = dqa_i16(sum->weights_a + 2 * o), wb = dqa_i16(sum->weights_b + 2 * o);
    const int32_t bias = dqa_i32(op->bias + 4 * o), multiplier = dqa_i32(op->multiplier + 4 * o);
    const uint32_t shift = op->shift[o];
    const int32_t added = (int32_t)(1u << (shift - 1)) + zero_point * (int32_t)(1u << shift);
    for (uint32_t i = o; i < count; i += channels) {
      out[i] = (int8_t)clamp(dsp_add_high_product(added, bias + a[i] * wa + b[i] * wb, multiplier) >> shift);
    }
  }
}
#endif

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  struct sum sum = {.weights_a = dqa_op_table(op, WEIGHTS_A), .weights_b = dqa_op_table(op, WEIGHTS_B)};
  const uint32_t channels = op->output.channels, count = op->output.row_values;
  (void)acc;
  dqa_operand_of(op, 0, y, &sum.a);
  dqa_operand_of(op, 1, y, &sum.b);
#ifdef DQA_MVE
  if (channels >= 4 && is_even(op, &sum)) {
    vector_row(op, &sum, out);
    return;
  }
#endif
#ifdef DQA_DSP
  if (is_plain(op, &sum)) {
    if (op->output.low == 0) {
      fast_row(op, &sum, out, dsp_clamp_unsigned);
    } else {
      fast_row(op, &sum, out, dsp_clamp_signed);
    }
    return;
  }
#endif
  for (uint32_t o = 0; o < channels; ++o) {
    const int32_t wa = dqa_i16(sum.weights_a + 2 * o), wb = dqa_i16(sum.weights_b + 2 * o);
    const int8_t *at_a = sum.a.values + o * sum.a.channel, *at_b = sum.b.values + o * sum.b.channel;
    struct dqa_channel c;
    dqa_channel_at(op, o, &c);
    for (uint32_t i = o; i < count; i += channels, at_a += sum.a.pixel, at_b += sum.b.pixel) {
      out[i] = dqa_finish(&c, c.bias + *at_a * wa + *at_b * wb);
    }
  }
}

static bool check(const struct dqa_op *op) {
  const uint32_t channels = op->output.channels;
  return dqa_operands_fit(op) && dqa_in_program(op->model, dqa_u32(op->parameters + WEIGHTS_A), channels, 2) &&
         dqa_in_program(op->model, dqa_u32(op->parameters + WEIGHTS_B), channels, 2) &&
         dqa_biases_fit(op, 2u * 128u * 32768u);
}

const struct dqa_operator dqa_op_add = {.parameter_bytes = 8 + DQA_REQUANTIZATION_BYTES,
                                        .min_inputs = 2,
                                        .max_inputs = 2,
                                        .traits = DQA_REQUANTIZES,
                                        .check = check,
                                        .goes_on = dqa_rows_go_on,
                                        .span = dqa_operand_span,
                                        .row = row};
