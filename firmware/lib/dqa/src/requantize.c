/* dqa: the one requantization, as operators apply it to a channel. */
#include "dqa_internal.h"

int32_t dqa_requantize(int32_t acc, int32_t multiplier, unsigned shift) { return dqa_scale(acc, multiplier, shift); }

void dqa_channel_at(const struct dqa_op *op, uint32_t channel, struct dqa_channel *out) {
  out->bias = dqa_i32(op->bias + 4 * channel);
  out->multiplier = dqa_i32(op->multiplier + 4 * channel);
  out->shift = op->shift[channel];
  out->zero_point = dqa_zero_point(&op->output, channel);
  out->low = op->output.low;
  out->high = op->output.high;
}
