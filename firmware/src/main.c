/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* The device under test: runs the model for a host on the serial port, which speaks in frames (docs/serial.md) unless
 * DQA_PROTOCOL_TEXT_ONLY is defined, and in text (docs/mlperf.md) if DQA_PROTOCOL_MLPERF is. */
#include "board.h"
#include "commands.h"
#include "inference.h"
#include "mlperf.h"

#include <string.h>

/* Who spoke last: the other's beginning is then taken for noise, until it is certain. */
static enum { NOBODY, FRAMES, WORDS } host;

#ifndef DQA_PROTOCOL_TEXT_ONLY

static frame_buffer request, reply;

/* Whether a byte is a frame's, or may be. */
static bool take_frame(uint8_t byte) {
  const bool inside = request.held || byte == FRAME_SYNC_0;
  frame_push(&request, byte);
  for (frame_event event; (event = frame_next(&request)) != FRAME_NONE;) {
    if (event == FRAME_READY)
      host = FRAMES;
    else if (host == WORDS)
      continue; /* nobody there to be told */
    commands_answer(event, &request, &reply);
    if (reply.held)
      uart_write(reply.bytes, reply.held);
  }
  return inside;
}

static void open_frames(int status, uint32_t core_hz) { commands_open(status, core_hz); }

static void report_in_frame(bool overflow, uint32_t detail) {
  commands_fault(overflow ? REFUSED_STACK : REFUSED_FAULT, detail, &reply);
  uart_write(reply.bytes, reply.held);
}

#else

static bool take_frame(uint8_t byte) {
  (void)byte;
  return false;
}

static void open_frames(int status, uint32_t core_hz) {
  (void)status;
  (void)core_hz;
}

static void report_in_frame(bool overflow, uint32_t detail) {
  (void)overflow;
  (void)detail;
}

#endif

#ifdef DQA_PROTOCOL_MLPERF

static text_command command;

static void take_text(uint8_t byte) {
  if (!text_push(&command, byte))
    return;
  /* behind frames, text may be the rest of a damaged one: only the runner's first command is certain */
  if (host == FRAMES && strcmp(command.chars, "name") != 0)
    return;
  host = WORDS;
  mlperf_answer(&command);
}

#else

static void take_text(uint8_t byte) { (void)byte; }

#endif

__attribute__((noreturn)) static void serve(void) {
  for (;;) {
    const uint8_t byte = uart_read();
    take_text(take_frame(byte) ? 0 : byte);
  }
}

void on_fault(bool overflow, uint32_t detail) {
#ifdef DQA_PROTOCOL_MLPERF
  mlperf_fault(overflow, detail);
#endif
  if (host != WORDS)
    report_in_frame(overflow, detail);
  serve();
}

int main(void) {
  const uint32_t core_hz = board_open();
  uart_open(core_hz);
  const int status = inference_load();
  open_frames(status, core_hz);
#ifdef DQA_PROTOCOL_MLPERF
  mlperf_open(status, core_hz);
#endif
  serve();
}
