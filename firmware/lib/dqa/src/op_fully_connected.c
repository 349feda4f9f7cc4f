/* dqa: FULLY_CONNECTED over the whole input map, i8 weights[O][H * W * I]; output 1 x 1 x O.
 *
 * Takes input rows as they come: acc[o] grows by the products of that row; an input of one row needs no acc. Two
 * outputs at a time share a value's load. Every weight is used once: indices are decoded a little at a time. */
#include "products.h"
#include "weights.h"

enum { WEIGHTS = 0, DECODED = 64 };

/* sums[0], sums[1] += the products of input row y and the weights of outputs o0 and o1. */
static inline void sum_products(const struct dqa_op *op, uint32_t y, const int8_t *values, uint32_t o0, uint32_t o1,
                                int32_t sums[2]) {
  const uint32_t length = op->input.row_values, inputs = op->input.height * length;
  struct dqa_weights weights;
  int8_t room[2 * DECODED];
  dqa_weights_of(op, WEIGHTS, inputs, &weights);
  const uint32_t most = weights.books != NULL ? DECODED : length;
  for (uint32_t done = 0; done < length; done += most) {
    const uint32_t count = length - done < most ? length - done : most;
    const int8_t *w0 = dqa_weights_at(&weights, o0, y * length + done, count, room);
    const int8_t *w1 = dqa_weights_at(&weights, o1, y * length + done, count, room + DECODED);
    const struct dqa_runs runs = {&values, 1, count, 0};
    dqa_products_2x1(&runs, w0, w1, (int32_t)done, sums);
  }
}

static void accumulate(const struct dqa_op *op, uint32_t y, const int8_t *values, int32_t *acc) {
  const uint32_t channels = op->output.channels;
  for (uint32_t o0 = 0; o0 < channels; o0 += 2) {
    const uint32_t o1 = o0 + 1 < channels ? o0 + 1 : o0;
    int32_t sums[2] = {acc[o0], acc[o1]};
    if (y == 0) {
      sums[0] = dqa_i32(op->bias + 4 * o0);
      sums[1] = dqa_i32(op->bias + 4 * o1);
    }
    sum_products(op, y, values, o0, o1, sums);
    acc[o0] = sums[0];
    acc[o1] = sums[1];
  }
}

static void row(const struct dqa_op *op, uint32_t y, const int32_t *acc, int8_t *out) {
  const uint32_t channels = op->output.channels;
  struct dqa_ring ring;
  (void)y;
  dqa_ring_of(op, 0, &ring);
  for (uint32_t o0 = 0; o0 < channels; o0 += 2) {
    const uint32_t o1 = o0 + 1 < channels ? o0 + 1 : o0;
    struct dqa_channel c0, c1;
    dqa_channel_at(op, o0, &c0);
    dqa_channel_at(op, o1, &c1);
    int32_t sums[2] = {c0.bias, c1.bias};
    if (acc != NULL) {
      sums[0] = acc[o0];
      sums[1] = acc[o1];
    } else {
      sum_products(op, 0, dqa_ring_slot(&ring, 0), o0, o1, sums);
    }
    out[o0] = dqa_finish(&c0, sums[0]);
    out[o1] = dqa_finish(&c1, sums[1]);
  }
}

static bool check(const struct dqa_op *op) {
  const uint32_t inputs = op->input.height * op->input.row_values;
  return op->output.height == 1 && op->output.width == 1 && inputs <= DQA_MAX_PRODUCTS &&
         dqa_weights_valid(op, WEIGHTS, inputs) && dqa_biases_fit(op, inputs * DQA_PRODUCT);
}

const struct dqa_operator dqa_op_fully_connected = {.parameter_bytes = 4 + DQA_REQUANTIZATION_BYTES,
                                                    .min_inputs = 1,
                                                    .max_inputs = 1,
                                                    .traits = DQA_REQUANTIZES | DQA_ONE_ROW_AT_ONCE | DQA_CODED_WEIGHTS,
                                                    .check = check,
                                                    .accumulate = accumulate,
                                                    .row = row};
