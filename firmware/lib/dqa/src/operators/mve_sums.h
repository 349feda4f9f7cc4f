/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Inside dqa: the variants of products.c for MVE: runs of any length, sixteen products an instruction. */
#ifndef DQA_MVE_SUMS_H
#define DQA_MVE_SUMS_H

#include "dsp.h"

#ifdef DQA_MVE

/* clang-format off */
#define LINE(text) text "\n\t"
#define LOOP(BODY) LINE("dlstp.8 lr, %[length]") LINE("1:") BODY LINE("letp lr, 1b")
#define VALUES(vector, pointer) LINE("vldrb.8 " vector ", [%[" pointer "]], #16")
#define ADD(sum, a, b) LINE("vmladava.s8 %[" sum "], " a ", " b)

/* length > 0; all of it is done. Te: even registers, as VMLADAVA wants them. */
static inline uint32_t fast_2x2(const int8_t *w0, const int8_t *w1, const int8_t *v0, const int8_t *v1, uint32_t length,
                                int32_t sums[4]) {
  int32_t s0 = sums[0], s1 = sums[1], s2 = sums[2], s3 = sums[3];
  __asm__ volatile(LOOP(VALUES("q0", "w0") VALUES("q1", "v0") VALUES("q2", "v1") ADD("s0", "q0", "q1")
                        VALUES("q3", "w1") ADD("s1", "q0", "q2") ADD("s2", "q3", "q1") ADD("s3", "q3", "q2"))
                   : [w0] "+r"(w0), [w1] "+r"(w1), [v0] "+r"(v0), [v1] "+r"(v1), [s0] "+Te"(s0), [s1] "+Te"(s1),
                     [s2] "+Te"(s2), [s3] "+Te"(s3)
                   : [length] "r"(length)
                   : "q0", "q1", "q2", "q3", "lr", "cc", "memory");
  sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3;
  return length;
}

static inline uint32_t fast_2x1(const int8_t *w0, const int8_t *w1, const int8_t *v, uint32_t length, int32_t sums[2]) {
  int32_t s0 = sums[0], s1 = sums[1];
  __asm__ volatile(LOOP(VALUES("q0", "w0") VALUES("q1", "v") VALUES("q2", "w1") ADD("s0", "q0", "q1")
                        ADD("s1", "q2", "q1"))
                   : [w0] "+r"(w0), [w1] "+r"(w1), [v] "+r"(v), [s0] "+Te"(s0), [s1] "+Te"(s1)
                   : [length] "r"(length)
                   : "q0", "q1", "q2", "lr", "cc", "memory");
  sums[0] = s0, sums[1] = s1;
  return length;
}

static inline uint32_t fast_4x1(const int8_t *const w[4], const int8_t *v, uint32_t length, int32_t sums[4]) {
  const int8_t *w0 = w[0], *w1 = w[1], *w2 = w[2], *w3 = w[3];
  int32_t s0 = sums[0], s1 = sums[1], s2 = sums[2], s3 = sums[3];
  __asm__ volatile(LOOP(VALUES("q0", "v") VALUES("q1", "w0") VALUES("q2", "w1") ADD("s0", "q0", "q1")
                        VALUES("q3", "w2") ADD("s1", "q0", "q2") VALUES("q1", "w3") ADD("s2", "q0", "q3")
                        ADD("s3", "q0", "q1"))
                   : [w0] "+r"(w0), [w1] "+r"(w1), [w2] "+r"(w2), [w3] "+r"(w3), [v] "+r"(v), [s0] "+Te"(s0),
                     [s1] "+Te"(s1), [s2] "+Te"(s2), [s3] "+Te"(s3)
                   : [length] "r"(length)
                   : "q0", "q1", "q2", "q3", "lr", "cc", "memory");
  sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3;
  return length;
}
/* clang-format on */

#undef LINE
#undef LOOP
#undef VALUES
#undef ADD

#endif
#endif
