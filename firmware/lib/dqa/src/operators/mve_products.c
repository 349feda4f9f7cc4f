/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: sums of products on MVE: VMLADAVA adds sixteen to a sum. Its loops are predicated by their tails (DLSTP, LETP),
 * so that runs have any length.
 *
 * The asm takes all registers but the stack pointer and finds its operands on the stack. Sums are in even registers, as
 * VMLADAVA wants them; then each pixel has a vector of four channels. */
#include "mve_products.h"

#ifdef DQA_MVE

/* Some groups of four output channels; the asm moves what is of a group to the next. */
struct job {
  struct mve_runs runs;
  const uint8_t *bias, *multiplier, *shift;
  int8_t *out;
  uint32_t channels; /* values from an output pixel to the next */
  int32_t low, high, zero_point;
  uint32_t groups; /* that are left, at least 1 */
};

/* clang-format off */
#define LINE(text) text "\n\t"
#define NEXT(field, step) LINE("add r11, r11, #" step) LINE("str r11, %[" field "]")
#define VALUES(vector, pointer) LINE("vldrb.8 " vector ", [" pointer "], #16")
#define ADD(sum, a, b) LINE("vmladava.s8 " sum ", " a ", " b)

/* After a run of some rows; `GAPS` moves the weights. */
#define NEXT_ROW(GAPS)                                                                                                 \
  LINE("ldrd r11, lr, %[row_gap]") LINE("cmp r12, lr") LINE("beq 3f") GAPS LINE("b 1b") LINE("3:")
#define GAP(pointer) LINE("add " pointer ", " pointer ", r11")

/* Two channels at three pixels: 12 instructions for 96 products. Weights from r7 and r9 on, values from r1, r3 and r5
 * on; the biases in r0 and r6. */
#define TWO_CHANNELS                                                                                                   \
  LINE("mov r2, r0") LINE("mov r4, r0") LINE("mov r8, r6") LINE("mov r10, r6") LINE("ldr r12, %[rows]")                \
  LINE("1:") LINE("ldr r1, [r12], #4") LINE("ldrd r11, lr, %[pixel_step]")                                             \
  LINE("add r3, r1, r11") LINE("add r5, r3, r11") LINE("dlstp.8 lr, lr") LINE("2:")                                    \
  VALUES("q0", "r7") VALUES("q1", "r1") VALUES("q2", "r3") ADD("r0", "q0", "q1") VALUES("q3", "r5")                    \
  ADD("r2", "q0", "q2") ADD("r4", "q0", "q3") VALUES("q0", "r9") ADD("r6", "q0", "q1") ADD("r8", "q0", "q2")           \
  ADD("r10", "q0", "q3") LINE("letp lr, 2b") NEXT_ROW(GAP("r7") GAP("r9"))
#define TO_LANES(a, b)                                                                                                 \
  LINE("vmov q5[" b "], q5[" a "], r0, r6") LINE("vmov q6[" b "], q6[" a "], r2, r8")                                  \
  LINE("vmov q7[" b "], q7[" a "], r4, r10")
#define THREE_PIXELS                                                                                                   \
  LINE("ldr r11, %[bias]") LINE("ldr r0, [r11]") LINE("ldr r6, [r11, #8]")                                             \
  LINE("ldrd r7, r11, %[weights]") LINE("add r9, r7, r11, lsl #1") TWO_CHANNELS TO_LANES("0", "2")                     \
  LINE("ldr r11, %[bias]") LINE("ldr r0, [r11, #4]") LINE("ldr r6, [r11, #12]") NEXT("bias", "16")                     \
  LINE("ldrd r7, r11, %[weights]") LINE("add r7, r7, r11") LINE("add r9, r7, r11, lsl #1")                             \
  LINE("add r11, r11, r9") LINE("str r11, %[weights]") TWO_CHANNELS TO_LANES("1", "3")

/* Four channels at a pixel: 10 instructions for 64 products. Weights from r1, r3, r5 and r7 on, values from r9 on. */
#define ONE_PIXEL                                                                                                      \
  LINE("ldr r11, %[bias]") LINE("ldr r0, [r11]") LINE("ldr r2, [r11, #4]") LINE("ldr r4, [r11, #8]")                   \
  LINE("ldr r6, [r11, #12]") NEXT("bias", "16") LINE("ldrd r1, r11, %[weights]") LINE("add r3, r1, r11")               \
  LINE("add r5, r3, r11") LINE("add r7, r5, r11") LINE("add r11, r11, r7") LINE("str r11, %[weights]")                 \
  LINE("ldr r12, %[rows]")                                                                                             \
  LINE("1:") LINE("ldr r9, [r12], #4") LINE("ldr lr, %[length]") LINE("dlstp.8 lr, lr") LINE("2:")                     \
  VALUES("q0", "r9") VALUES("q1", "r1") VALUES("q2", "r3") ADD("r0", "q0", "q1") VALUES("q3", "r5")                    \
  ADD("r2", "q0", "q2") VALUES("q1", "r7") ADD("r4", "q0", "q3") ADD("r6", "q0", "q1") LINE("letp lr, 2b")             \
  NEXT_ROW(GAP("r1") GAP("r3") GAP("r5") GAP("r7"))                                                                    \
  LINE("vmov q5[2], q5[0], r0, r4") LINE("vmov q5[3], q5[1], r2, r6")

/* As dqa_finish: VRSHL adds half of a step before it shifts. */
#define PIXELS_1(OF) OF("q5")
#define PIXELS_3(OF) OF("q5") OF("q6") OF("q7")
#define SCALE(sums) LINE("vmulh.s32 " sums ", " sums ", q0")
#define SHIFT(sums) LINE("vrshl.s32 " sums ", " sums ", q1")
#define MOVE(sums) LINE("vadd.i32 " sums ", " sums ", r2")
#define RAISE(sums) LINE("vmax.s32 " sums ", " sums ", q2")
#define LOWER(sums) LINE("vmin.s32 " sums ", " sums ", q3")
#define FINISH(PIXELS)                                                                                                 \
  LINE("ldr r11, %[multiplier]") LINE("vldrb.8 q0, [r11]") NEXT("multiplier", "16")                                    \
  LINE("ldr r0, %[shift]") LINE("vldrb.u32 q1, [r0], #4") LINE("str r0, %[shift]") LINE("vneg.s32 q1, q1")             \
  LINE("ldrd r0, r1, %[low]") LINE("vdup.32 q2, r0") LINE("vdup.32 q3, r1") LINE("ldr r2, %[zero_point]")              \
  PIXELS(SCALE) PIXELS(SHIFT) PIXELS(MOVE) PIXELS(RAISE) PIXELS(LOWER)                                                 \
  LINE("ldrd r0, r1, %[out]") LINE("add r11, r0, #4") LINE("str r11, %[out]")
#define STORE_1 LINE("vstrb.32 q5, [r0]")
#define STORE_3 STORE_1 LINE("add r0, r0, r1") LINE("vstrb.32 q6, [r0]") LINE("add r0, r0, r1") LINE("vstrb.32 q7, [r0]")

#define PIXELS_OF(name, PRODUCTS, n)                                                                                   \
  static DQA_NOINLINE void name(struct job job) {                                                                      \
    __asm__ volatile(LINE("4:") PRODUCTS FINISH(PIXELS_##n) STORE_##n                                                  \
                     LINE("ldr r0, %[groups]") LINE("subs r0, r0, #1") LINE("str r0, %[groups]") LINE("bne.w 4b")      \
                     : [weights] "+m"(job.runs.weights), [bias] "+m"(job.bias), [multiplier] "+m"(job.multiplier),     \
                       [shift] "+m"(job.shift), [out] "+m"(job.out), [groups] "+m"(job.groups)                         \
                     : [rows] "m"(job.runs.rows), [pixel_step] "m"(job.runs.pixel_step),                               \
                       [length] "m"(job.runs.length), [row_gap] "m"(job.runs.row_gap),                                 \
                       [rows_end] "m"(job.runs.rows_end), [channel_step] "m"(job.runs.channel_step),                   \
                       [channels] "m"(job.channels), [low] "m"(job.low), [high] "m"(job.high),                         \
                       [zero_point] "m"(job.zero_point)                                                                \
                     : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc",    \
                       "memory", "q0", "q1", "q2", "q3", "q5", "q6", "q7");                                            \
  }
/* clang-format on */
PIXELS_OF(one_pixel, ONE_PIXEL, 1)
PIXELS_OF(three_pixels, THREE_PIXELS, 3)

/* `groups` of channels from `first` on. */
static void groups_from(const struct dqa_op *op, const struct mve_runs *runs, uint32_t first, uint32_t groups,
                        uint32_t pixels, int8_t *out) {
  const struct dqa_edge *const output = &op->output;
  struct job job = {.runs = *runs,
                    .bias = op->bias + 4 * first,
                    .multiplier = op->multiplier + 4 * first,
                    .shift = op->shift + first,
                    .out = out + first,
                    .channels = output->channels,
                    .low = output->low,
                    .high = output->high,
                    .zero_point = output->zero_point,
                    .groups = groups};
  job.runs.weights += first * runs->channel_step;
  if (pixels == MVE_PIXELS) {
    three_pixels(job);
  } else {
    one_pixel(job);
  }
}

void dqa_mve_pixels(const struct dqa_op *op, const struct mve_runs *runs, uint32_t pixels, int8_t *out) {
  const uint32_t channels = op->output.channels;
  groups_from(op, runs, 0, channels / MVE_CHANNELS, pixels, out);
  if (channels % MVE_CHANNELS != 0) { /* the last four begin among those before them */
    groups_from(op, runs, channels - MVE_CHANNELS, 1, pixels, out);
  }
}

#endif
