/* dqa: sums of products of int8 runs, where a convolution spends its time.
 *
 * One interface, the readable variant, and beside it fast ones chosen by what the compiler says about the processor
 * (__AVX2__ on the host; __ARM_FEATURE_DSP and __ARM_FEATURE_MVE belong here). All give the same sums; DQA_PORTABLE
 * forces the readable one, so that tests can hold it against the others. */
#ifndef DQA_PRODUCTS_H
#define DQA_PRODUCTS_H

#include <stdint.h>

/* sums[0..3] += the products of w0 v0, w0 v1, w1 v0, w1 v1 over `length` values; sums stay inside int32. */
static inline void dqa_products_2x2_readable(const int8_t *w0, const int8_t *w1, const int8_t *v0, const int8_t *v1,
                                             uint32_t length, int32_t sums[4]) {
  int32_t s00 = sums[0], s01 = sums[1], s10 = sums[2], s11 = sums[3];
  for (uint32_t i = 0; i < length; ++i) {
    s00 += w0[i] * v0[i];
    s01 += w0[i] * v1[i];
    s10 += w1[i] * v0[i];
    s11 += w1[i] * v1[i];
  }
  sums[0] = s00, sums[1] = s01, sums[2] = s10, sums[3] = s11;
}

/* *sum0 += the products of w0 v, *sum1 those of w1 v: as above with one run of values. */
static inline void dqa_products_2x1(const int8_t *w0, const int8_t *w1, const int8_t *v, uint32_t length, int32_t *sum0,
                                    int32_t *sum1) {
  int32_t s0 = *sum0, s1 = *sum1;
  for (uint32_t i = 0; i < length; ++i) {
    s0 += w0[i] * v[i];
    s1 += w1[i] * v[i];
  }
  *sum0 = s0, *sum1 = s1;
}

#if defined(__AVX2__) && !defined(DQA_PORTABLE)

#include <immintrin.h>

static inline __m256i dqa_load_16(const int8_t *from) {
  return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)from));
}

/* 16 products of each pair at a time; what is left over goes the readable way. */
static inline void dqa_products_2x2(const int8_t *w0, const int8_t *w1, const int8_t *v0, const int8_t *v1,
                                    uint32_t length, int32_t sums[4]) {
  uint32_t i = 0;
  if (length >= 16) {
    __m256i s00 = _mm256_setzero_si256(), s01 = s00, s10 = s00, s11 = s00;
    for (; i + 16 <= length; i += 16) {
      const __m256i a = dqa_load_16(w0 + i), b = dqa_load_16(w1 + i), c = dqa_load_16(v0 + i), d = dqa_load_16(v1 + i);
      s00 = _mm256_add_epi32(s00, _mm256_madd_epi16(a, c));
      s01 = _mm256_add_epi32(s01, _mm256_madd_epi16(a, d));
      s10 = _mm256_add_epi32(s10, _mm256_madd_epi16(b, c));
      s11 = _mm256_add_epi32(s11, _mm256_madd_epi16(b, d));
    }
    const __m256i halves = _mm256_hadd_epi32(_mm256_hadd_epi32(s00, s01), _mm256_hadd_epi32(s10, s11));
    const __m128i all = _mm_add_epi32(_mm256_castsi256_si128(halves), _mm256_extracti128_si256(halves, 1));
    __m128i *const to = (__m128i *)(void *)sums;
    _mm_storeu_si128(to, _mm_add_epi32(_mm_loadu_si128(to), all));
  }
  dqa_products_2x2_readable(w0 + i, w1 + i, v0 + i, v1 + i, length - i, sums);
}

#else

static inline void dqa_products_2x2(const int8_t *w0, const int8_t *w1, const int8_t *v0, const int8_t *v1,
                                    uint32_t length, int32_t sums[4]) {
  dqa_products_2x2_readable(w0, w1, v0, v1, length, sums);
}

#endif
#endif
