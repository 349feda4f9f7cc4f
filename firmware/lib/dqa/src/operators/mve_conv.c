/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: convolutions on MVE. Rows are read where they lie: three pixels at a time where their windows are inside the
 * rows, one at the borders, where the kernel's columns beside the rows are skipped.
 *
 * Runs shorter than a vector (first layers of few channels) would leave most of its lanes empty: where a block has room
 * (docs/format.md, section 7), what lies under the kernel at three pixels is gathered there, a run behind the other. */
#include "mve_conv.h"

#ifdef DQA_MVE

#include "mve_products.h"
#include "taps.h"
#include <arm_mve.h>

/* What the pixels of an output row share. */
struct row {
  struct dqa_taps taps;
  const int8_t *weights; /* those of channel 0 under the first row of the taps */
  uint32_t inputs;       /* channels */
  uint32_t run;          /* weights in a row of the kernel */
  uint32_t pixel_step;   /* values from an output pixel to the next */
};

/* Pixels whose runs are read where they lie. */
static void read_in_place(const struct dqa_op *op, struct row *row, int8_t *out) {
  struct dqa_taps *const taps = &row->taps;
  int32_t begin = 0; /* of the rows of the taps */
  for (uint32_t x = 0, count; x < op->output.width; x += count) {
    struct dqa_range in = {0, op->window.kernel_w};
    count = x >= taps->whole.first && x + MVE_PIXELS <= taps->whole.end ? MVE_PIXELS : 1u;
    if (count == 1) {
      in = dqa_taps_columns(op, taps, x);
    }
    const uint32_t skipped = in.first * row->inputs, length = (in.end - in.first) * row->inputs;
    const int32_t at = length == 0 ? 0 : taps->left * (int32_t)row->inputs + (int32_t)(x * row->pixel_step + skipped);
    for (uint32_t k = 0; k < taps->count; ++k) {
      taps->rows[k] += at - begin;
    }
    begin = at;
    const struct mve_runs runs = {.rows = taps->rows,
                                  .rows_end = taps->rows + taps->count,
                                  .pixel_step = row->pixel_step,
                                  .length = length,
                                  .row_gap = mve_row_gap(row->run, length),
                                  .weights = row->weights + skipped,
                                  .channel_step = op->window.kernel_h * row->run};
    dqa_mve_pixels(op, &runs, count, out + x * op->output.channels);
  }
}

/* What lies under the kernel at MVE_PIXELS pixels from x on, a row of the kernel behind the other; zeros beside the
 * rows.
 */
static void gather(const struct dqa_op *op, const struct row *row, uint32_t x, int8_t *to) {
  const struct dqa_taps *const taps = &row->taps;
  const mve_pred16_t all = vctp8q(row->run);
  for (const uint32_t end = x + MVE_PIXELS; x < end; ++x) {
    const int32_t at = taps->left * (int32_t)row->inputs + (int32_t)(x * row->pixel_step);
    const struct dqa_range in = dqa_taps_columns(op, taps, x);
    const mve_pred16_t inside = vctp8q(in.end * row->inputs) & (mve_pred16_t)~vctp8q(in.first * row->inputs);
    for (uint32_t k = 0; k < taps->count; ++k, to += row->run) {
      vstrbq_p_s8(to, vldrbq_z_s8(taps->rows[k] + at, inside), all);
    }
  }
}

static void read_gathered(const struct dqa_op *op, const struct row *row, int8_t *out) {
  const uint32_t width = op->output.width, length = row->taps.count * row->run;
  int8_t *const room = dqa_room_of(op);
  const int8_t *const at[1] = {room};
  const struct mve_runs runs = {.rows = at,
                                .rows_end = at + 1,
                                .pixel_step = length,
                                .length = length,
                                .weights = row->weights,
                                .channel_step = op->window.kernel_h * row->run};
  for (uint32_t done = 0; done < width; done += MVE_PIXELS) {
    const uint32_t x = done + MVE_PIXELS > width ? width - MVE_PIXELS : done; /* the last ones are computed again */
    gather(op, row, x, room);
    dqa_mve_pixels(op, &runs, MVE_PIXELS, out + x * op->output.channels);
  }
}

/* All rows of a dilated kernel lie beside the input. */
static void biases_alone(const struct dqa_op *op, int8_t *out) {
  const uint32_t channels = op->output.channels;
  for (uint32_t o = 0; o < channels; ++o) {
    struct dqa_channel channel;
    dqa_channel_at(op, o, &channel);
    for (uint32_t x = 0; x < op->output.width; ++x) {
      out[x * channels + o] = dqa_finish(&channel, channel.bias);
    }
  }
}

void dqa_mve_conv_row(const struct dqa_op *op, uint32_t y, const int8_t *weights, int8_t *out) {
  const struct dqa_window *const w = &op->window;
  struct row row;
  dqa_taps_of(op, y, &row.taps);
  row.inputs = op->input.channels;
  row.run = w->kernel_w * row.inputs;
  row.pixel_step = w->stride_w * row.inputs;
  row.weights = weights + row.taps.first * row.run;
  if (row.taps.count == 0) {
    biases_alone(op, out);
  } else if (op->block > 0 && row.run < MVE_VECTOR && w->kernel_h * w->kernel_w > 1) {
    read_gathered(op, &row, out);
  } else {
    read_in_place(op, &row, out);
  }
}

#endif
