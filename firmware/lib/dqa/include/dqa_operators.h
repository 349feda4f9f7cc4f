/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: the one list of operators: X(NAME, name, number) for each, in the order of their numbers, which programs hold
 * for ever. dqa.h, the table of all operators and the converter's kinds follow from it; dqa_op_<name> is in
 * src/operators/op_<name>.c. */
#ifndef DQA_OPERATORS_H
#define DQA_OPERATORS_H

#define DQA_FOR_EACH_OPERATOR(X)                                                                                       \
  X(CONV_2D, conv_2d, 1)                                                                                               \
  X(DEPTHWISE_CONV_2D, depthwise_conv_2d, 2)                                                                           \
  X(FULLY_CONNECTED, fully_connected, 3)                                                                               \
  X(ADD, add, 4)                                                                                                       \
  X(AVERAGE_POOL_2D, average_pool_2d, 5)                                                                               \
  X(MEAN, mean, 6)                                                                                                     \
  X(MAX_POOL_2D, max_pool_2d, 7)                                                                                       \
  X(PAD, pad, 8)                                                                                                       \
  X(CONCATENATION, concatenation, 9)                                                                                   \
  X(RESIZE_NEAREST_NEIGHBOR, resize_nearest_neighbor, 10)                                                              \
  X(RESHAPE, reshape, 11)                                                                                              \
  X(LUT, lut, 12)                                                                                                      \
  X(SOFTMAX, softmax, 13)                                                                                              \
  X(TRANSPOSE_CONV, transpose_conv, 14)                                                                                \
  X(EMBEDDING, embedding, 15)                                                                                          \
  X(MUL, mul, 16)                                                                                                      \
  X(EXTREMUM, extremum, 17)                                                                                            \
  X(PRELU, prelu, 18)                                                                                                  \
  X(RECURRENT, recurrent, 19)                                                                                          \
  X(REVERSE, reverse, 20)                                                                                              \
  X(GATHER, gather, 21)                                                                                                \
  X(TRANSPOSE, transpose, 22)                                                                                          \
  X(REDUCE, reduce, 23)                                                                                                \
  X(RESIZE_BILINEAR, resize_bilinear, 24)                                                                              \
  X(NORMALIZATION, normalization, 25)                                                                                  \
  X(BATCH_MATMUL, batch_matmul, 26)                                                                                    \
  X(SLIDING_REDUCE, sliding_reduce, 27)                                                                                \
  X(CONSTANT, constant, 28)                                                                                            \
  X(CAUSAL_SOFTMAX, causal_softmax, 29)

/* Parts of which a program needs some, X of NAME and name for each: ways in which an operator writes its rows,
 * storages, rows without end, whole inputs that are pushed. They are entries of the table behind those of the
 * operators, so that others are not linked; dqa_part_<name> is in part_<name>.c. No program holds their numbers. */
#define DQA_FOR_EACH_PART(X)                                                                                           \
  X(PACKED_MAPS, packed_maps)                                                                                          \
  X(ENDLESS, endless)                                                                                                  \
  X(WHOLE_INPUT, whole_input)                                                                                          \
  X(CONV_PLAIN, conv_plain)                                                                                            \
  X(CONV_3, conv_3)                                                                                                    \
  X(CONV_4, conv_4)                                                                                                    \
  X(CONV_5, conv_5)                                                                                                    \
  X(CONV_SHARED, conv_shared)                                                                                          \
  X(CONV_AFFINE_3, conv_affine_3)                                                                                      \
  X(CONV_AFFINE_4, conv_affine_4)                                                                                      \
  X(CONV_AFFINE_5, conv_affine_5)                                                                                      \
  X(CONV_AFFINE_SHARED, conv_affine_shared)                                                                            \
  X(DEPTHWISE_PLAIN, depthwise_plain)                                                                                  \
  X(DEPTHWISE_1, depthwise_1)                                                                                          \
  X(DEPTHWISE_1_POSITIVE, depthwise_1_positive)                                                                        \
  X(DEPTHWISE_2, depthwise_2)                                                                                          \
  X(DEPTHWISE_2_POSITIVE, depthwise_2_positive)                                                                        \
  X(DENSE_PLAIN, dense_plain)                                                                                          \
  X(DENSE_PAIRS, dense_pairs)                                                                                          \
  X(DENSE_AFFINE, dense_affine)

#endif
