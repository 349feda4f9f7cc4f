/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* dqa: every operator and storage, for programs that are not known when the firmware is linked. */
#include "dqa.h"

const struct dqa_operator *const dqa_all_operators[DQA_OPERATOR_KINDS] = {&dqa_coded_maps,
                                                                          &dqa_op_conv_2d,
                                                                          &dqa_op_depthwise_conv_2d,
                                                                          &dqa_op_fully_connected,
                                                                          &dqa_op_add,
                                                                          &dqa_op_average_pool_2d,
                                                                          &dqa_op_mean,
                                                                          &dqa_op_max_pool_2d,
                                                                          &dqa_op_pad,
                                                                          &dqa_op_concatenation,
                                                                          &dqa_op_resize_nearest_neighbor,
                                                                          &dqa_op_reshape,
                                                                          &dqa_op_lut,
                                                                          &dqa_op_softmax};
