/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: rows of DEPTHWISE_CONV_2D without a block.
 *
 * Four neighbouring output channels at a time, their sums in registers: 3.5 instructions per product on Armv7E-M.
 * Columns of the kernel beside the row are skipped. */
#include "block_depthwise.h"

enum { CHANNELS = 4 };

/* What the blocks of an output row share. */
struct kernel {
  struct dqa_taps taps;
  const int8_t *weights; /* of the first tap */
  uint32_t row_length;   /* weights in a row of the kernel */
  uint32_t channels;     /* of the output */
  int32_t column_step;   /* values from one column of the kernel to the next */
  int32_t pixel_step;    /* values from one output column to the next */
};

/* The kernel's columns of a pixel that lie inside the rows: the first one's weights for the first tap, and where its
 * values begin in a row. */
struct columns {
  const int8_t *weights;
  int32_t at;
  uint32_t count;
};

/* sums[j] += the products of output channel o + j and input channel c + j * step, for a whole block of channels.
 * step: 1, or 0 where the block's channels share an input channel. */
static inline void sum_block(const struct kernel *kernel, struct columns columns, uint32_t o, uint32_t c, uint32_t step,
                             int32_t sums[CHANNELS]) {
  const int8_t *row = columns.weights + o;
  int32_t s0 = sums[0], s1 = sums[1], s2 = sums[2], s3 = sums[3];
  for (uint32_t k = 0; k < kernel->taps.count; ++k, row += kernel->row_length) {
    const int8_t *w = row, *v = kernel->taps.rows[k] + columns.at + c;
    for (uint32_t i = 0; i < columns.count; ++i, v += kernel->column_step, w += kernel->channels) {
      s0 += w[0] * v[0];
      s1 += w[1] * v[step];
      s2 += w[2] * v[2 * step];
      s3 += w[3] * v[3 * step];
    }
  }
  sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3;
}

/* The same with step 1, four channels in a register where the processor can. */
#ifdef DQA_DSP
static inline void sum_neighbours(const struct kernel *kernel, struct columns columns, uint32_t o, uint32_t c,
                                  int32_t sums[CHANNELS]) {
  const int8_t *row = columns.weights + o;
  int32_t s0 = sums[0], s1 = sums[1], s2 = sums[2], s3 = sums[3];
  for (uint32_t k = 0; k < kernel->taps.count; ++k, row += kernel->row_length) {
    const int8_t *w = row, *v = kernel->taps.rows[k] + columns.at + c;
    for (uint32_t i = columns.count; i > 0; --i, v += kernel->column_step, w += kernel->channels) {
      const uint32_t weights = dsp_load_4(w), values = dsp_load_4(v);
      const uint32_t w_even = dsp_even(weights), v_even = dsp_even(values);
      const uint32_t w_odd = dsp_odd(weights), v_odd = dsp_odd(values);
      s0 = dsp_add_low(s0, w_even, v_even);
      s1 = dsp_add_low(s1, w_odd, v_odd);
      s2 = dsp_add_high(s2, w_even, v_even);
      s3 = dsp_add_high(s3, w_odd, v_odd);
    }
  }
  sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3;
}
#else
static inline void sum_neighbours(const struct kernel *kernel, struct columns columns, uint32_t o, uint32_t c,
                                  int32_t sums[CHANNELS]) {
  sum_block(kernel, columns, o, c, 1, sums); /* a constant step is folded into the loads */
}
#endif

/* The same for fewer channels. */
static void sum_rest(const struct kernel *kernel, struct columns columns, uint32_t o, uint32_t count, uint32_t c,
                     uint32_t step, int32_t *sums) {
  for (uint32_t j = 0; j < count; ++j) {
    const int8_t *row = columns.weights + o + j;
    for (uint32_t k = 0; k < kernel->taps.count; ++k, row += kernel->row_length) {
      const int8_t *w = row, *v = kernel->taps.rows[k] + columns.at + c + j * step;
      for (uint32_t i = 0; i < columns.count; ++i, v += kernel->column_step, w += kernel->channels) {
        sums[j] += *w * *v;
      }
    }
  }
}

/* Output channels o .. o + count - 1 of all pixels; they begin at input channel `channel`. */
static void block(const struct dqa_op *op, const struct kernel *kernel, uint32_t o, uint32_t count, uint32_t channel,
                  uint32_t step, int8_t *out) {
  const struct dqa_range whole = kernel->taps.whole;
  struct dqa_channel c[CHANNELS];
  for (uint32_t j = 0; j < CHANNELS; ++j) {
    dqa_channel_at(op, o + (j < count ? j : 0), &c[j]);
  }
  int32_t at = kernel->taps.left * op->input.channels;
  for (uint32_t x = 0; x < op->output.width; ++x, at += kernel->pixel_step) {
    struct columns columns = {kernel->weights, at, op->window.kernel_w};
    int32_t sums[CHANNELS] = {c[0].bias, c[1].bias, c[2].bias, c[3].bias};
    if (x < whole.first || x >= whole.end) {
      const struct dqa_range inside = dqa_taps_columns(op, &kernel->taps, x);
      columns.weights += inside.first * kernel->channels;
      columns.count = inside.end - inside.first;
      columns.at = columns.count > 0 ? at + (int32_t)inside.first * kernel->column_step : 0; /* inside the row */
    }
    if (count < CHANNELS) {
      sum_rest(kernel, columns, o, count, channel, step, sums);
    } else if (step == 1) {
      sum_neighbours(kernel, columns, o, channel, sums);
    } else {
      sum_block(kernel, columns, o, channel, 0, sums);
    }
    for (uint32_t j = 0; j < count; ++j) {
      out[x * kernel->channels + o + j] = dqa_finish(&c[j], sums[j]);
    }
  }
}

void dqa_depthwise_plain_row(const struct dqa_op *op, uint32_t y, int8_t *out) {
  const struct dqa_window *w = &op->window;
  const uint32_t multiplier = (uint32_t)op->output.channels / op->input.channels;
  struct kernel kernel;
  dqa_taps_of(op, y, &kernel.taps);
  kernel.channels = op->output.channels;
  kernel.row_length = w->kernel_w * kernel.channels;
  kernel.column_step = w->dilation_w * op->input.channels;
  kernel.pixel_step = w->stride_w * op->input.channels;
  kernel.weights = (const int8_t *)dqa_op_table(op, DQA_DEPTHWISE_WEIGHTS) + kernel.taps.first * kernel.row_length;
  /* Blocks do not cross groups: with one output channel per input channel there is a single group. */
  const uint32_t group = multiplier == 1 ? kernel.channels : multiplier;
  for (uint32_t first = 0; first < kernel.channels; first += group) {
    for (uint32_t o = 0; o < group; o += CHANNELS) {
      const uint32_t count = group - o < CHANNELS ? group - o : CHANNELS;
      block(op, &kernel, first + o, count, (first + o) / multiplier, multiplier == 1, out);
    }
  }
}

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  (void)acc;
  dqa_depthwise_plain_row(op, y, out);
}

const struct dqa_operator dqa_part_depthwise_plain = {.row = row};
