/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: sums of products: a readable variant, and fast ones chosen by what the compiler says about the processor
 * (__AVX2__ on the host, __ARM_FEATURE_DSP on Cortex-M4 and later). All give the same sums; DQA_PORTABLE leaves only
 * the readable one, so that tests can hold it against the others. */
#include "products.h"
#include "dsp.h"
#include "mve_sums.h"

static inline void readable_2x2(const int8_t *w0, const int8_t *w1, const int8_t *v0, const int8_t *v1, uint32_t length,
                                int32_t sums[4]) {
  int32_t s00 = sums[0], s01 = sums[1], s10 = sums[2], s11 = sums[3];
  for (uint32_t i = 0; i < length; ++i) {
    s00 += w0[i] * v0[i];
    s01 += w0[i] * v1[i];
    s10 += w1[i] * v0[i];
    s11 += w1[i] * v1[i];
  }
  sums[0] = s00, sums[1] = s01, sums[2] = s10, sums[3] = s11;
}

static inline void readable_2x1(const int8_t *w0, const int8_t *w1, const int8_t *v, uint32_t length, int32_t sums[2]) {
  int32_t s0 = sums[0], s1 = sums[1];
  for (uint32_t i = 0; i < length; ++i) {
    s0 += w0[i] * v[i];
    s1 += w1[i] * v[i];
  }
  sums[0] = s0, sums[1] = s1;
}

static inline void readable_4x1(const int8_t *const w[4], const int8_t *v, uint32_t first, uint32_t end,
                                int32_t sums[4]) {
  int32_t s0 = sums[0], s1 = sums[1], s2 = sums[2], s3 = sums[3];
  for (uint32_t i = first; i < end; ++i) {
    s0 += w[0][i] * v[i];
    s1 += w[1][i] * v[i];
    s2 += w[2][i] * v[i];
    s3 += w[3][i] * v[i];
  }
  sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3;
}

/* The fast variants take a multiple of their block from the beginning of a run and return how many values that were. */
#if defined(__AVX2__) && !defined(DQA_PORTABLE)

#include <immintrin.h>

static inline __m256i load_16(const int8_t *from) {
  return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)from));
}

static inline uint32_t fast_2x2(const int8_t *w0, const int8_t *w1, const int8_t *v0, const int8_t *v1, uint32_t length,
                                int32_t sums[4]) {
  if (length < 16) {
    return 0;
  }
  uint32_t i = 0;
  __m256i s00 = _mm256_setzero_si256(), s01 = s00, s10 = s00, s11 = s00;
  for (; i + 16 <= length; i += 16) {
    const __m256i a = load_16(w0 + i), b = load_16(w1 + i), c = load_16(v0 + i), d = load_16(v1 + i);
    s00 = _mm256_add_epi32(s00, _mm256_madd_epi16(a, c));
    s01 = _mm256_add_epi32(s01, _mm256_madd_epi16(a, d));
    s10 = _mm256_add_epi32(s10, _mm256_madd_epi16(b, c));
    s11 = _mm256_add_epi32(s11, _mm256_madd_epi16(b, d));
  }
  const __m256i halves = _mm256_hadd_epi32(_mm256_hadd_epi32(s00, s01), _mm256_hadd_epi32(s10, s11));
  const __m128i all = _mm_add_epi32(_mm256_castsi256_si128(halves), _mm256_extracti128_si256(halves, 1));
  __m128i *const to = (__m128i *)(void *)sums;
  _mm_storeu_si128(to, _mm_add_epi32(_mm_loadu_si128(to), all));
  return i;
}

static inline uint32_t fast_2x1(const int8_t *w0, const int8_t *w1, const int8_t *v, uint32_t length, int32_t sums[2]) {
  (void)w0, (void)w1, (void)v, (void)length, (void)sums; /* the compiler's own vectors do */
  return 0;
}

#elif defined(DQA_DSP) && !defined(DQA_MVE)

/* Four values of each run in 20 instructions. */
static inline void step_2x2(const int8_t **w0, const int8_t **w1, const int8_t **v0, const int8_t **v1,
                            int32_t sums[4]) {
  uint32_t a = dsp_take_4(w0), b = dsp_take_4(w1), v = dsp_take_4(v0);
  const uint32_t a_even = dsp_even(a), b_even = dsp_even(b);
  a = dsp_odd(a), b = dsp_odd(b);
  uint32_t v_even = dsp_even(v);
  v = dsp_odd(v);
  sums[0] = dsp_add_products(sums[0], a_even, v_even);
  sums[2] = dsp_add_products(sums[2], b_even, v_even);
  sums[0] = dsp_add_products(sums[0], a, v);
  sums[2] = dsp_add_products(sums[2], b, v);
  v = dsp_take_4(v1);
  v_even = dsp_even(v);
  v = dsp_odd(v);
  sums[1] = dsp_add_products(sums[1], a_even, v_even);
  sums[3] = dsp_add_products(sums[3], b_even, v_even);
  sums[1] = dsp_add_products(sums[1], a, v);
  sums[3] = dsp_add_products(sums[3], b, v);
}

static inline uint32_t fast_2x2(const int8_t *w0, const int8_t *w1, const int8_t *v0, const int8_t *v1, uint32_t length,
                                int32_t sums[4]) {
  int32_t s[4] = {sums[0], sums[1], sums[2], sums[3]};
  for (const int8_t *const end = w0 + (length & ~7u); w0 != end;) {
    step_2x2(&w0, &w1, &v0, &v1, s);
    step_2x2(&w0, &w1, &v0, &v1, s);
  }
  if (length & 4u) {
    step_2x2(&w0, &w1, &v0, &v1, s);
  }
  sums[0] = s[0], sums[1] = s[1], sums[2] = s[2], sums[3] = s[3];
  return length & ~3u;
}

static inline uint32_t fast_2x1(const int8_t *w0, const int8_t *w1, const int8_t *v, uint32_t length, int32_t sums[2]) {
  int32_t s0 = sums[0], s1 = sums[1];
  for (const int8_t *const end = w0 + (length & ~3u); w0 != end;) {
    const uint32_t a = dsp_take_4(&w0), b = dsp_take_4(&w1), c = dsp_take_4(&v);
    const uint32_t even = dsp_even(c), odd = dsp_odd(c);
    s0 = dsp_add_products(dsp_add_products(s0, dsp_even(a), even), dsp_odd(a), odd);
    s1 = dsp_add_products(dsp_add_products(s1, dsp_even(b), even), dsp_odd(b), odd);
  }
  sums[0] = s0, sums[1] = s1;
  return length & ~3u;
}

/* Adds the products of four weights and four values. */
static inline int32_t step_1x1(const int8_t **w, uint32_t v_even, uint32_t v_odd, int32_t sum) {
  const uint32_t four = dsp_take_4(w);
  sum = dsp_add_products(sum, dsp_even(four), v_even);
  return dsp_add_products(sum, dsp_odd(four), v_odd);
}

/* Four values of each run in 23 instructions. */
static inline uint32_t fast_4x1(const int8_t *const w[4], const int8_t *v, uint32_t length, int32_t sums[4]) {
  const int8_t *w0 = w[0], *w1 = w[1], *w2 = w[2], *w3 = w[3];
  int32_t s0 = sums[0], s1 = sums[1], s2 = sums[2], s3 = sums[3];
  for (const int8_t *const end = v + (length & ~3u); v != end;) {
    const uint32_t four = dsp_take_4(&v);
    const uint32_t even = dsp_even(four), odd = dsp_odd(four);
    s0 = step_1x1(&w0, even, odd, s0);
    s1 = step_1x1(&w1, even, odd, s1);
    s2 = step_1x1(&w2, even, odd, s2);
    s3 = step_1x1(&w3, even, odd, s3);
  }
  sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3;
  return length & ~3u;
}

#elif !defined(DQA_MVE)

static inline uint32_t fast_2x2(const int8_t *w0, const int8_t *w1, const int8_t *v0, const int8_t *v1, uint32_t length,
                                int32_t sums[4]) {
  (void)w0, (void)w1, (void)v0, (void)v1, (void)length, (void)sums;
  return 0;
}

static inline uint32_t fast_2x1(const int8_t *w0, const int8_t *w1, const int8_t *v, uint32_t length, int32_t sums[2]) {
  (void)w0, (void)w1, (void)v, (void)length, (void)sums;
  return 0;
}

#endif

#ifndef DQA_DSP
static inline uint32_t fast_4x1(const int8_t *const w[4], const int8_t *v, uint32_t length, int32_t sums[4]) {
  (void)w, (void)v, (void)length, (void)sums; /* the compiler's own vectors do */
  return 0;
}
#endif

void dqa_products_2x2(const struct dqa_runs *runs, const int8_t *w0, const int8_t *w1, int32_t at0, int32_t at1,
                      int32_t sums[4]) {
  const uint32_t length = runs->length;
  for (uint32_t k = 0; k < runs->count; ++k, w0 += runs->weight_step, w1 += runs->weight_step) {
    const int8_t *const v0 = runs->rows[k] + at0, *const v1 = runs->rows[k] + at1;
    const uint32_t done = fast_2x2(w0, w1, v0, v1, length, sums);
    if (done < length) {
      readable_2x2(w0 + done, w1 + done, v0 + done, v1 + done, length - done, sums);
    }
  }
}

void dqa_products_2x1(const struct dqa_runs *runs, const int8_t *w0, const int8_t *w1, int32_t at, int32_t sums[2]) {
  const uint32_t length = runs->length;
  for (uint32_t k = 0; k < runs->count; ++k, w0 += runs->weight_step, w1 += runs->weight_step) {
    const int8_t *const v = runs->rows[k] + at;
    const uint32_t done = fast_2x1(w0, w1, v, length, sums);
    if (done < length) {
      readable_2x1(w0 + done, w1 + done, v + done, length - done, sums);
    }
  }
}

void dqa_products_4x1(const int8_t *const w[4], const int8_t *v, uint32_t length, int32_t sums[4]) {
  readable_4x1(w, v, fast_4x1(w, v, length, sums), length, sums);
}
