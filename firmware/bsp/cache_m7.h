/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* The caches of a Cortex-M7. Nothing here reads or writes memory behind the core, so that they may stay on. */
#ifndef CACHE_M7_H
#define CACHE_M7_H

#include "board.h"

/* Forgets what both caches hold, which reset leaves undefined, and turns them on. */
static inline void cache_m7_open(void) {
  REGISTER(0xE000ED84) = 0; /* CSSELR: the data cache of level 1 */
  BARRIER();
  uint32_t geometry = REGISTER(0xE000ED80); /* CCSIDR */
  for (uint32_t set = (geometry >> 13 & 0x7FFF) + 1; set--;) {
    for (uint32_t way = (geometry >> 3 & 0x3FF) + 1; way--;)
      REGISTER(0xE000EF60) = set << 5 | way << 30; /* DCISW; four ways of lines of 32 bytes */
  }
  REGISTER(0xE000EF50) = 0; /* ICIALLU */
  BARRIER();
  REGISTER(0xE000ED14) |= 1u << 17 | 1u << 16; /* CCR: instruction and data cache */
  BARRIER();
}

#endif
