/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* A board on this machine: its port is standard input and output, its counter the system's clock. dqa serve runs the
 * firmware on it, and tests do so under the sanitizers. */
#define _POSIX_C_SOURCE 200809L

#include "board.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static uint64_t started;

uint32_t board_open(void) { return DQA_CLOCK_HZ; }

void uart_open(uint32_t core_hz) { (void)core_hz; }

uint8_t uart_read(void) {
  uint8_t byte;
  if (read(0, &byte, 1) != 1)
    exit(0); /* the host has gone */
  return byte;
}

bool uart_write(const uint8_t *bytes, size_t size) {
  while (size) {
    ssize_t count = write(1, bytes, size);
    if (count <= 0)
      return false;
    bytes += count;
    size -= (size_t)count;
  }
  return true;
}

static uint64_t nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint32_t counter_hz(uint32_t core_hz) {
  (void)core_hz;
  return 1000000000u;
}

void counter_start(void) { started = nanoseconds(); }

uint64_t counter_stop(void) { return nanoseconds() - started; }

void stack_paint(void) {}
uint32_t stack_depth(void) { return 64; }
uint32_t stack_size(void) { return 4096; }
uint32_t static_ram(void) { return 1; }
