/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* Boards that need no set-up: simulated ones. */
#include "board.h"

#ifdef DQA_SOC_PLAIN

uint32_t board_open(void) { return DQA_CLOCK_HZ; }

#endif
