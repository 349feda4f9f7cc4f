/* dqa: CONV_2D. acc = bias + sum(weight * value) over the window, i8 weights[O][kernel_h][kernel_w][I].
 *
 * Two output channels and two output pixels at a time: four products for two weights and two values loaded, 2.5
 * instructions per product on Armv7E-M. Rows are padded, so no position needs a test. At an odd end the last one is
 * computed twice. */
#include "dqa_internal.h"
#include "products.h"

enum { WEIGHTS = DQA_WINDOW_BYTES };

/* A kernel row as runs of neighbouring values: one, unless columns are dilated. */
struct runs {
  struct dqa_taps taps;
  uint32_t count, length;
  uint32_t step; /* values from one run to the next */
};

/* sums: channel 0 at pixels 0 and 1, channel 1 at pixels 0 and 1; at0, at1: values before the pixel's first in a row.
 */
static inline void sum_products(const struct runs *runs, const int8_t *w0, const int8_t *w1, uint32_t at0, uint32_t at1,
                                int32_t sums[4]) {
  for (uint32_t k = 0; k < runs->taps.count; ++k) {
    for (uint32_t r = 0; r < runs->count; ++r) {
      const int8_t *row = runs->taps.rows[k] + r * runs->step;
      dqa_products_2x2(w0, w1, row + at0, row + at1, runs->length, sums);
      w0 += runs->length;
      w1 += runs->length;
    }
  }
}

static void find_runs(const struct dqa_op *op, uint32_t y, struct runs *runs) {
  const struct dqa_window *w = &op->window;
  const bool dilated = w->dilation_w > 1;
  dqa_taps_of(op, y, &runs->taps);
  runs->count = dilated ? w->kernel_w : 1u;
  runs->length = (dilated ? 1u : w->kernel_w) * op->input.channels;
  runs->step = (uint32_t)w->dilation_w * op->input.channels;
}

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  const uint32_t channels = op->output.channels, width = op->output.width;
  const uint32_t step = (uint32_t)op->window.stride_w * op->input.channels;
  const uint32_t kernel = (uint32_t)op->window.kernel_h * op->window.kernel_w * op->input.channels;
  const int8_t *weights = (const int8_t *)dqa_op_table(op, WEIGHTS);
  struct runs runs;
  (void)acc;
  find_runs(op, y, &runs);
  weights += runs.taps.first * op->window.kernel_w * op->input.channels;
  for (uint32_t o0 = 0; o0 < channels; o0 += 2) {
    const uint32_t o1 = o0 + 1 < channels ? o0 + 1 : o0;
    struct dqa_channel c0, c1;
    dqa_channel_at(op, o0, &c0);
    dqa_channel_at(op, o1, &c1);
    for (uint32_t x0 = 0; x0 < width; x0 += 2) {
      const uint32_t x1 = x0 + 1 < width ? x0 + 1 : x0;
      int32_t sums[4] = {c0.bias, c0.bias, c1.bias, c1.bias};
      sum_products(&runs, weights + o0 * kernel, weights + o1 * kernel, x0 * step, x1 * step, sums);
      out[x0 * channels + o0] = dqa_finish(&c0, sums[0]);
      out[x1 * channels + o0] = dqa_finish(&c0, sums[1]);
      out[x0 * channels + o1] = dqa_finish(&c1, sums[2]);
      out[x1 * channels + o1] = dqa_finish(&c1, sums[3]);
    }
  }
}

static bool check(const struct dqa_op *op) {
  const uint32_t pixels = (uint32_t)op->window.kernel_h * op->window.kernel_w;
  if (pixels > DQA_MAX_PRODUCTS / op->input.channels) {
    return false;
  }
  const uint32_t kernel = pixels * op->input.channels;
  return dqa_in_program(op->model, dqa_u32(op->parameters + WEIGHTS), op->output.channels, kernel) &&
         dqa_biases_fit(op, kernel * DQA_PRODUCT);
}

const struct dqa_operator dqa_op_conv_2d = {.parameter_bytes = DQA_WINDOW_BYTES + 4 + DQA_REQUANTIZATION_BYTES,
                                            .min_inputs = 1,
                                            .max_inputs = 1,
                                            .traits = DQA_WINDOW | DQA_PADDED | DQA_REQUANTIZES,
                                            .check = check,
                                            .row = row};
