/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: sums of products of int8 weights and values, where a convolution spends its time. */
#ifndef DQA_PRODUCTS_H
#define DQA_PRODUCTS_H

#include <stdint.h>

/* Runs of values, each below a run of weights: of a row of values the `length` from some place on. */
struct dqa_runs {
  const int8_t *const *rows;
  uint32_t count; /* rows */
  uint32_t length;
  uint32_t weight_step; /* from the weights of a row to those of the next */
};

/* sums[0..3] += the products of w0 and the runs at at0, of w0 at at1, of w1 at at0, of w1 at at1; sums stay inside
 * int32. */
void dqa_products_2x2(const struct dqa_runs *runs, const int8_t *w0, const int8_t *w1, int32_t at0, int32_t at1,
                      int32_t sums[4]);

/* sums[0] += the products of w0 and the runs at `at`, sums[1] those of w1. */
void dqa_products_2x1(const struct dqa_runs *runs, const int8_t *w0, const int8_t *w1, int32_t at, int32_t sums[2]);

/* sums[i] += the products of w[i] and v. */
void dqa_products_4x1(const int8_t *const w[4], const int8_t *v, uint32_t length, int32_t sums[4]);

#endif
