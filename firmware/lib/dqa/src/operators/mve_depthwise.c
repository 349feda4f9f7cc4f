/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: depthwise convolutions on MVE. Channels are neighbours: a vector is eight of a pixel, which VMULLB and VMULLT
 * multiply with theirs of the kernel.
 *
 * Two pixels of a kernel of three columns share the loads of its weights, and of what lies under both: 42 instructions
 * for 48 products with stride 1. Other kernels, and pixels without a neighbour, take 9 for 8. */
#include "mve_depthwise.h"

#ifdef DQA_MVE

#include "taps.h"

#include <arm_mve.h>

enum { CHANNELS = 8, PIXELS = 2, COLUMNS = 3 };

/* What the pixels of an output row share. */
struct kernel {
  struct dqa_taps taps;
  const int8_t *weights; /* of the first tap */
  uint32_t channels;
  uint32_t row_length;  /* weights in a row of the kernel */
  uint32_t column_step; /* values from one column of the kernel to the next */
};

/* Of eight channels: those with even numbers, and the others. */
struct sums {
  int32x4_t even, odd;
};

/* Bias and end of eight channels; of the edge. The asm knows where the fields are. */
struct ends {
  struct sums bias, multiplier, shift; /* at 0, 32, 64 */
  int16x8_t low, high;                 /* at 96, 112 */
  int16_t zero_point;                  /* at 128 */
};

static inline struct sums words(const uint8_t *from) {
  const int32x4x2_t both = vld2q_s32((const int32_t *)(const void *)from);
  const struct sums split = {both.val[0], both.val[1]};
  return split;
}

static inline void load_ends(const struct dqa_op *op, uint32_t channel, struct ends *ends) {
  const int16x8_t shift = vnegq_s16(vreinterpretq_s16_u16(vldrbq_u16(op->shift + channel)));
  ends->bias = words(op->bias + 4 * channel);
  ends->multiplier = words(op->multiplier + 4 * channel);
  ends->shift.even = vmovlbq_s16(shift);
  ends->shift.odd = vmovltq_s16(shift);
}

/* clang-format off */
#define LINE(text) text "\n\t"
/* A column: weights in q0, values in q1. Pixel a has its even channels in q4, the others in q5; b in q6 and q7. */
#define ADD(even, odd)                                                                                                 \
  LINE("vmullb.s16 q2, q0, q1") LINE("vmullt.s16 q3, q0, q1") LINE("vadd.i32 " even ", " even ", q2")                  \
  LINE("vadd.i32 " odd ", " odd ", q3")
#define ADD_A ADD("q4", "q5")
#define ADD_B ADD("q6", "q7")
#define WEIGHTS LINE("vldrb.s16 q0, [%[w]]") LINE("add %[w], %[w], %[channels]")
#define LOAD(at) LINE("vldrb.s16 q1, [%[" at "]]")
#define MOVE(at) LINE("add %[" at "], %[" at "], %[channels]")
/* What lies beside the rows adds nothing. */
#define FIRST LINE("cbz %[left], 2f") LOAD("v") ADD_A LINE("2:") MOVE("v")
#define LAST(at) LINE("cbz %[right], 3f") LOAD(at) ADD_B LINE("3:")
/* Three columns of each pixel, of stride 1 or 2. */
#define ROW_BY_1 WEIGHTS FIRST LOAD("v") ADD_B MOVE("v") WEIGHTS ADD_A LOAD("v") ADD_B MOVE("v") WEIGHTS ADD_A LAST("v")
#define ROW_BY_2                                                                                                    \
  LINE("add %[u], %[v], %[channels], lsl #1") WEIGHTS FIRST LOAD("u") ADD_B MOVE("u")                                              \
  WEIGHTS LOAD("v") ADD_A MOVE("v") LOAD("u") ADD_B MOVE("u") WEIGHTS LOAD("v") ADD_A LAST("u")
/* As dqa_finish; saturated on the way. */
#define BIAS                                                                                                           \
  LINE("vldrw.32 q4, [%[ends]]") LINE("vldrw.32 q5, [%[ends], #16]") LINE("vmov q6, q4") LINE("vmov q7, q5")
#define TWO_VECTORS(at_0, at_1) LINE("vldrw.32 q0, [%[ends], #" at_0 "]") LINE("vldrw.32 q1, [%[ends], #" at_1 "]")
#define ALL_SUMS(name)                                                                                                 \
  LINE(name " q4, q4, q0") LINE(name " q5, q5, q1") LINE(name " q6, q6, q0") LINE(name " q7, q7, q1")
#define CLAMP(name, by) LINE(name " q4, q4, " by) LINE(name " q6, q6, " by)
#define FINISH                                                                                                         \
  TWO_VECTORS("32", "48") ALL_SUMS("vmulh.s32") TWO_VECTORS("64", "80") ALL_SUMS("vrshl.s32")                          \
  LINE("vqmovnb.s32 q4, q4") LINE("vqmovnt.s32 q4, q5") LINE("vqmovnb.s32 q6, q6") LINE("vqmovnt.s32 q6, q7")          \
  LINE("ldrsh %[u], [%[ends], #128]") TWO_VECTORS("96", "112")                                                         \
  CLAMP("vqadd.s16", "%[u]") CLAMP("vmax.s16", "q0") CLAMP("vmin.s16", "q1")                                           \
  LINE("mov %[u], %[out]") LINE("vstrb.16 q4, [%[u]]") LINE("add %[u], %[u], %[channels]") LINE("vstrb.16 q6, [%[u]]")
/* Two pixels; left, right: whether the first column of the one, the last of the other lies inside the rows. */
#define TWO_OF(name, ROW)                                                                                              \
  static DQA_INLINE void name(const struct kernel *kernel, const struct ends *ends, uint32_t channel, int32_t at,      \
                              bool left, bool right, int8_t *out) {                                                    \
    const int8_t *const *rows = kernel->taps.rows;                                                                     \
    const int8_t *w = kernel->weights + channel;                                                                       \
    uint32_t v, u;                                                                                                     \
    register uint32_t count __asm__("lr") = kernel->taps.count;                                                        \
    __asm__ volatile(BIAS LINE("dls lr, %[count]") LINE("1:") LINE("ldr %[v], [%[rows]], #4")                          \
                     LINE("add %[v], %[v], %[at]") ROW LINE("le lr, 1b") FINISH                                        \
                     : [rows] "+r"(rows), [w] "+l"(w), [v] "=&l"(v), [u] "=&l"(u), [count] "+r"(count)                 \
                     : [at] "r"(at + (int32_t)channel), [channels] "r"(kernel->channels),                              \
                       [left] "l"(left), [right] "l"(right), [ends] "r"(ends), [out] "r"(out)                                                        \
                     : "q0", "q1", "q2", "q3", "q4", "q5", "q6", "q7", "cc", "memory");                                \
  }
/* clang-format on */
TWO_OF(two_by_1, ROW_BY_1)
TWO_OF(two_by_2, ROW_BY_2)

/* A pixel, at some columns of the kernel. */
static DQA_NOINLINE void one(const struct kernel *kernel, const struct ends *ends, uint32_t channel, int32_t at,
                             struct dqa_range columns, int8_t *out) {
  const uint32_t channels = kernel->channels, column_step = kernel->column_step, count = columns.end - columns.first;
  const int8_t *row = kernel->weights + columns.first * channels + channel;
  const int32_t begin = count == 0 ? 0 : at + (int32_t)(columns.first * column_step + channel);
  struct sums sums = ends->bias;
  for (uint32_t k = 0; k < kernel->taps.count; ++k, row += kernel->row_length) {
    const int8_t *w = row, *v = kernel->taps.rows[k] + begin;
    for (uint32_t i = count; i > 0; --i, w += channels, v += column_step) {
      const int16x8_t values = vldrbq_s16(v), weights = vldrbq_s16(w);
      sums.even = vaddq_s32(sums.even, vmullbq_int_s16(values, weights));
      sums.odd = vaddq_s32(sums.odd, vmulltq_int_s16(values, weights));
    }
  }
  const int32x4_t even = vrshlq_s32(vmulhq_s32(sums.even, ends->multiplier.even), ends->shift.even);
  const int32x4_t odd = vrshlq_s32(vmulhq_s32(sums.odd, ends->multiplier.odd), ends->shift.odd);
  const int16x8_t value = vqaddq_n_s16(vqmovntq_s32(vqmovnbq_s32(vuninitializedq_s16(), even), odd), ends->zero_point);
  vstrbq_s16(out, vminq_s16(vmaxq_s16(value, ends->low), ends->high));
}

/* Eight channels of all pixels. */
static void channels_at(const struct dqa_op *op, const struct kernel *kernel, const struct ends *ends, uint32_t channel,
                        int8_t *out) {
  const struct dqa_range whole = kernel->taps.whole, all = {0, op->window.kernel_w};
  const uint32_t width = op->output.width, stride = op->window.stride_w;
  const bool pairs = op->window.kernel_w == COLUMNS && op->window.dilation_w == 1 && width >= PIXELS && stride <= 2;
  const int32_t channels = (int32_t)kernel->channels, last = (int32_t)stride + COLUMNS - 1;
  for (uint32_t done = 0; done < width;) {
    const uint32_t x = pairs && done + PIXELS > width ? width - PIXELS : done; /* the last pair computes one again */
    const int32_t first = kernel->taps.left + (int32_t)(x * stride), end = first + last; /* columns of a pair */
    int8_t *const to = out + x * kernel->channels + channel;
    if (!pairs || first < -1 || end > kernel->taps.width) {
      const int32_t at = (kernel->taps.left + (int32_t)(done * stride)) * channels;
      const bool inside = done >= whole.first && done < whole.end;
      one(kernel, ends, channel, at, inside ? all : dqa_taps_columns(op, &kernel->taps, done),
          out + done * kernel->channels + channel);
      ++done;
      continue;
    }
    if (stride == 1) {
      two_by_1(kernel, ends, channel, first * channels, first >= 0, end < kernel->taps.width, to);
    } else {
      two_by_2(kernel, ends, channel, first * channels, first >= 0, end < kernel->taps.width, to);
    }
    done = x + PIXELS;
  }
}

bool dqa_mve_depthwise_row(const struct dqa_op *op, uint32_t y, const int8_t *weights, int8_t *out) {
  const struct dqa_window *const w = &op->window;
  const uint32_t channels = op->output.channels;
  const bool aligned = (((uintptr_t)op->bias | (uintptr_t)op->multiplier) & 3u) == 0; /* as VLD2 wants them */
  if (channels != op->input.channels || channels < CHANNELS || op->output.zero_points != NULL || !aligned) {
    return false;
  }
  struct kernel kernel = {
      .channels = channels, .row_length = w->kernel_w * channels, .column_step = w->dilation_w * channels};
  dqa_taps_of(op, y, &kernel.taps);
  if (kernel.taps.count == 0) {
    return false;
  }
  kernel.weights = weights + kernel.taps.first * kernel.row_length;
  struct ends ends = {
      .low = vdupq_n_s16(op->output.low), .high = vdupq_n_s16(op->output.high), .zero_point = op->output.zero_point};
  for (uint32_t done = 0; done < channels; done += CHANNELS) {
    const uint32_t o = done + CHANNELS > channels ? channels - CHANNELS : done; /* the last ones are computed again */
    load_ends(op, o, &ends);
    channels_at(op, &kernel, &ends, o, out);
  }
  return true;
}

#endif
