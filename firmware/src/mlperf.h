/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* The serial protocol of MLPerf Tiny (docs/mlperf.md), compiled in by DQA_PROTOCOL_MLPERF. dqa build says what the
 * benchmark's numbers mean for the model:
 * DQA_MLPERF_MODEL: the name in m-model: ic01, kws01, vww01, ad01 or generic.
 * DQA_MLPERF_REBUILDS: 1: the input comes as float32, the result is the error with which the model rebuilds it.
 * DQA_MLPERF_INPUT_SCALE, DQA_MLPERF_INPUT_ZERO_POINT, and the same of the output: real = (byte - zero point) * scale.
 */
#ifndef MLPERF_H
#define MLPERF_H

#include "text.h"

#ifdef __cplusplus
extern "C" {
#endif

/* status: of inference_load. core_hz: the core's clock. Says nothing. */
void mlperf_open(int status, uint32_t core_hz);
/* Answers a complete command. */
void mlperf_answer(text_command *command);
/* Reports a fault during the command that is being answered, if one is; all later ones get the same report. */
void mlperf_fault(bool overflow, uint32_t detail);

#ifdef __cplusplus
}
#endif
#endif
