/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* The device under test: runs the model for a host on the serial port (docs/serial.md). */
#include "board.h"
#include "commands.h"

static frame_buffer request, reply;

__attribute__((noreturn)) static void serve(void) {
  for (;;) {
    frame_push(&request, uart_read());
    for (frame_event event; (event = frame_next(&request)) != FRAME_NONE;) {
      commands_answer(event, &request, &reply);
      uart_write(reply.bytes, reply.held);
    }
  }
}

void on_fault(bool overflow, uint32_t detail) {
  commands_fault(overflow ? REFUSED_STACK : REFUSED_FAULT, detail, &reply);
  uart_write(reply.bytes, reply.held);
  serve();
}

int main(void) {
  uint32_t core_hz = board_open();
  uart_open(core_hz);
  commands_open(core_hz);
  serve();
}
