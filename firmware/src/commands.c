/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
#include "commands.h"

#include <stdbool.h>
#include <string.h>

#include "board.h"
#include "inference.h"
#include "runtime.h"

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

static uint32_t clock_hz;
static uint8_t fault; /* REFUSED_FAULT or REFUSED_STACK, once there was one */
static uint32_t fault_detail;
static int load_status; /* of inference_load */
static uint8_t last_type, last_sequence;
static bool answered; /* the last reply answers last_type and last_sequence: a repeated request gets it again */

static uint16_t refuse(frame_buffer *reply, uint8_t status, uint32_t detail) {
  frame_payload(reply)[0] = status;
  frame_put_u32(frame_payload(reply) + 1, detail);
  return 5;
}

/* Each command fills the reply's payload, *ok says whether as an answer or as a refusal, and returns its length. */

static uint16_t hello(frame_buffer *reply, bool *ok) {
  static const char name[] = TEXT(DQA_BOARD);
  uint8_t *at = frame_payload(reply);
  frame_put_u16(at, PROTOCOL_VERSION);
  at[2] = (uint8_t)load_status;
  at[3] = DQA_COUNTER_KIND;
  frame_put_u32(at + 4, runtime_crc());
  frame_put_u32(at + 8, inference_input_size());
  frame_put_u32(at + 12, inference_output_size());
  frame_put_u32(at + 16, runtime_arena_size());
  frame_put_u32(at + 20, clock_hz);
  frame_put_u32(at + 24, counter_hz(clock_hz));
  frame_put_u16(at + 28, DATA_MAX);
  frame_put_u32(at + 30, runtime_row_size());
  memcpy(at + 34, name, sizeof name - 1);
  *ok = true;
  return (uint16_t)(34 + sizeof name - 1);
}

/* u32 offset, data. Leaving a hole is not allowed, writing again what is in place is, unless rows are pushed. */
static uint16_t write_input(const uint8_t *payload, uint16_t length, frame_buffer *reply, bool *ok) {
  if (length <= 4 || length > 4 + DATA_MAX)
    return refuse(reply, REFUSED_PAYLOAD, length);
  uint32_t offset = frame_u32(payload);
  uint32_t count = (uint32_t)length - 4;
  uint32_t written = inference_written();
  if (offset > written || (offset && offset < written && runtime_row_size()))
    return refuse(reply, REFUSED_RANGE, written);
  if (count > inference_input_size() - offset)
    return refuse(reply, REFUSED_RANGE, inference_input_size());
  int status = inference_write(offset, payload + 4, count);
  if (status != DQA_OK)
    return refuse(reply, REFUSED_RUN, (uint32_t)status);
  *ok = true;
  frame_put_u32(frame_payload(reply), inference_written());
  return 4;
}

static uint16_t run(frame_buffer *reply, bool *ok) {
  if (inference_written() != inference_input_size())
    return refuse(reply, REFUSED_NO_INPUT, inference_written());
  uint32_t dropped = runtime_dropped_rows();
  int status = inference_run();
  if (status != DQA_OK)
    return refuse(reply, REFUSED_RUN, (uint32_t)status);
  uint64_t ticks = inference_ticks();
  uint8_t *at = frame_payload(reply);
  frame_put_u32(at, (uint32_t)ticks);
  frame_put_u32(at + 4, (uint32_t)(ticks >> 32));
  frame_put_u32(at + 8, runtime_dropped_rows() - dropped);
  *ok = true;
  return 12;
}

/* u32 offset, u16 count. */
static uint16_t read_output(const uint8_t *payload, uint16_t length, frame_buffer *reply, bool *ok) {
  if (length != 6)
    return refuse(reply, REFUSED_PAYLOAD, length);
  uint32_t offset = frame_u32(payload);
  uint16_t count = frame_u16(payload + 4);
  uint32_t output_size = inference_output_size();
  if (!inference_done())
    return refuse(reply, REFUSED_NO_OUTPUT, 0);
  if (count > DATA_MAX || offset > output_size || count > output_size - offset) {
    return refuse(reply, REFUSED_RANGE, output_size);
  }
  inference_read(offset, frame_payload(reply), count);
  *ok = true;
  return count;
}

static uint16_t stats(frame_buffer *reply, bool *ok) {
  uint8_t *at = frame_payload(reply);
  frame_put_u32(at, stack_size());
  frame_put_u32(at + 4, inference_stack());
  frame_put_u32(at + 8, static_ram());
  *ok = true;
  return 12;
}

static uint16_t answer(frame_buffer *request, frame_buffer *reply, bool *ok) {
  uint8_t *payload = frame_payload(request);
  uint16_t length = frame_length(request);
  uint8_t type = frame_type(request);
  if (fault)
    return refuse(reply, fault, fault_detail);
  bool takes_payload = type == COMMAND_WRITE_INPUT || type == COMMAND_READ_OUTPUT;
  if (type < COMMAND_HELLO || type > COMMAND_STATS)
    return refuse(reply, REFUSED_COMMAND, type);
  if (length && !takes_payload)
    return refuse(reply, REFUSED_PAYLOAD, length);
  if (type == COMMAND_HELLO)
    return hello(reply, ok);
  if (type == COMMAND_STATS)
    return stats(reply, ok);
  if (load_status != DQA_OK)
    return refuse(reply, REFUSED_MODEL, (uint32_t)load_status);
  if (type == COMMAND_WRITE_INPUT)
    return write_input(payload, length, reply, ok);
  if (type == COMMAND_RUN)
    return run(reply, ok);
  return read_output(payload, length, reply, ok);
}

void commands_open(uint32_t core_hz) {
  clock_hz = core_hz;
  load_status = inference_load();
}

void commands_answer(frame_event event, frame_buffer *request, frame_buffer *reply) {
  uint8_t type = frame_type(request);
  uint8_t sequence = frame_sequence(request);
  if (event != FRAME_READY) {
    uint8_t status = event == FRAME_TOO_LONG ? REFUSED_TOO_LONG : REFUSED_CRC;
    answered = false;
    frame_close(reply, REPLY_ERROR, sequence, refuse(reply, status, frame_length(request)));
    return;
  }
  /* a host that lost the reply asks again with the same sequence number; HELLO begins a new count */
  if (answered && type == last_type && sequence == last_sequence && type != COMMAND_HELLO)
    return;
  last_type = type;
  last_sequence = sequence;
  bool ok = false;
  uint16_t length = answer(request, reply, &ok);
  frame_close(reply, ok ? (uint8_t)(type | REPLY) : (uint8_t)REPLY_ERROR, sequence, length);
  answered = true;
}

void commands_fault(uint8_t status, uint32_t detail, frame_buffer *reply) {
  fault = status;
  fault_detail = detail;
  answered = false;
  frame_close(reply, REPLY_ERROR, last_sequence, refuse(reply, status, detail));
}
