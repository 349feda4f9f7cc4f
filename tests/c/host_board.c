/* A board on this machine: its port is standard input and output, its counter stands still. Runs firmware/src under
 * the sanitizers, and quickly. */
#include "board.h"

#include <stdlib.h>
#include <unistd.h>

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

uint32_t counter_hz(uint32_t core_hz) { return core_hz; }
void counter_start(void) {}
uint64_t counter_stop(void) { return 1; }

void stack_paint(void) {}
uint32_t stack_depth(void) { return 64; }
uint32_t stack_size(void) { return 4096; }
uint32_t static_ram(void) { return 1; }
