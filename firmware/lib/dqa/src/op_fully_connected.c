/* dqa: FULLY_CONNECTED over the whole input map, i8 weights[O][H * W * I]; output 1 x 1 x O.
 *
 * Takes input rows as they come: acc[o] grows by the products of that row. Two outputs at a time share a value's load.
 */
#include "dqa_internal.h"

enum { WEIGHTS = 0 };

static void accumulate(const struct dqa_op *op, uint32_t y, const int8_t *values, int32_t *acc) {
  const uint32_t channels = op->output.channels, length = op->input.row_values;
  const uint32_t inputs = op->input.height * length;
  const int8_t *weights = (const int8_t *)dqa_op_table(op, WEIGHTS) + y * length;
  for (uint32_t o0 = 0; o0 < channels; o0 += 2) {
    const uint32_t o1 = o0 + 1 < channels ? o0 + 1 : o0;
    const int8_t *w0 = weights + o0 * inputs, *w1 = weights + o1 * inputs;
    int32_t s0 = y == 0 ? dqa_i32(op->bias + 4 * o0) : acc[o0];
    int32_t s1 = y == 0 ? dqa_i32(op->bias + 4 * o1) : acc[o1];
    for (uint32_t i = 0; i < length; ++i) {
      s0 += w0[i] * values[i];
      s1 += w1[i] * values[i];
    }
    acc[o0] = s0;
    acc[o1] = s1;
  }
}

static void row(const struct dqa_op *op, uint32_t y, const struct dqa_ring *rings, const int32_t *acc, int8_t *out) {
  (void)y;
  (void)rings;
  for (uint32_t o = 0; o < op->output.channels; ++o) {
    struct dqa_channel c;
    dqa_channel_at(op, o, &c);
    out[o] = dqa_finish(&c, acc[o]);
  }
}

static bool check(const struct dqa_op *op) {
  const uint32_t inputs = op->input.height * op->input.row_values;
  return op->output.height == 1 && op->output.width == 1 && inputs <= DQA_MAX_PRODUCTS &&
         dqa_in_program(op->model, dqa_u32(op->parameters + WEIGHTS), op->output.channels, inputs) &&
         dqa_biases_fit(op, inputs * DQA_PRODUCT);
}

const struct dqa_operator dqa_op_fully_connected = {.parameter_bytes = 4 + DQA_REQUANTIZATION_BYTES,
                                                    .min_inputs = 1,
                                                    .max_inputs = 1,
                                                    .traits = DQA_REQUANTIZES,
                                                    .check = check,
                                                    .accumulate = accumulate,
                                                    .row = row};
