/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
/* The commands of the serial protocol (docs/serial.md). */
#ifndef COMMANDS_H
#define COMMANDS_H

#include "frame.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { PROTOCOL_VERSION = 2, DATA_MAX = 256 };

enum {
  COMMAND_HELLO = 0x01,
  COMMAND_WRITE_INPUT = 0x02,
  COMMAND_RUN = 0x03,
  COMMAND_READ_OUTPUT = 0x04,
  COMMAND_STATS = 0x05,
  COMMAND_PROFILE = 0x06, /* of profiling firmware */
#ifdef DQA_PROFILE
  COMMAND_LAST = COMMAND_PROFILE,
#else
  COMMAND_LAST = COMMAND_STATS,
#endif
  REPLY = 0x80,         /* a reply's type is its command's plus this */
  REPLY_STARTED = 0xFE, /* a RUN was understood; its reply comes when the inference has ended */
  REPLY_ERROR = 0xFF
};

/* Why a request was refused; u8 status, then u32 detail. */
enum {
  REFUSED_CRC = 1,
  REFUSED_TOO_LONG = 2,
  REFUSED_COMMAND = 3,    /* unknown; detail: the type */
  REFUSED_PAYLOAD = 4,    /* not this command's size; detail: the size */
  REFUSED_RANGE = 5,      /* offset or length outside the tensor, or out of turn; detail: its size, or bytes in place */
  REFUSED_MODEL = 6,      /* the program did not load; detail: dqa_status */
  REFUSED_NO_INPUT = 7,   /* the input of this run is not, or not wholly, in place; detail: bytes in place */
  REFUSED_NO_OUTPUT = 8,  /* this run did not come to its end, or another began */
  REFUSED_RUN = 9,        /* the run, or a pushed row, failed; detail: dqa_status */
  REFUSED_FAULT = 10,     /* the processor faulted, now or before, and does no more; detail: CFSR */
  REFUSED_UNGREETED = 11, /* no HELLO since the board started */
  REFUSED_INPUT = 12,     /* the input in place, or the program, is not the one meant; detail: their CRC-32 */
  REFUSED_STACK = 13      /* as REFUSED_FAULT, because the stack overflowed; detail: its bytes */
};

/* status: of inference_load. core_hz: the core's clock. */
void commands_open(int status, uint32_t core_hz);
/* Answers one event of the receiver (not FRAME_NONE) into reply; it stays empty where silence is best. */
void commands_answer(frame_event event, frame_buffer *request, frame_buffer *reply);
/* Makes reply the report of a fault during the last request, which from now on all requests get: REFUSED_FAULT or
 * REFUSED_STACK and its detail. */
void commands_fault(uint8_t status, uint32_t detail, frame_buffer *reply);

#ifdef __cplusplus
}
#endif
#endif
