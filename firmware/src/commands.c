/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The dqa authors */
#include "commands.h"

#include <stdbool.h>
#include <string.h>

#include "board.h"
#include "inference.h"
#include "profile.h"
#include "runtime.h"

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

static uint32_t clock_hz;
static uint8_t fault; /* REFUSED_FAULT or REFUSED_STACK, once there was one */
static uint32_t fault_detail;
static int load_status; /* of inference_load */
static uint32_t last_sequence;
static bool greeted;  /* a HELLO came since the start */
static uint32_t boot; /* the first one's sequence number: tells the host whether it is still the same start */
static bool damaged;  /* nothing but damage since the last request */

static uint16_t refuse(frame_buffer *reply, uint8_t status, uint32_t detail) {
  frame_payload(reply)[0] = status;
  frame_put_u32(frame_payload(reply) + 1, detail);
  return 5;
}

/* Each command fills the reply's payload, *ok says whether as an answer or as a refusal, and returns its length. */

static uint16_t hello(uint32_t sequence, frame_buffer *reply, bool *ok) {
  if (!greeted)
    boot = sequence;
  greeted = true;
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
  frame_put_u32(at + 34, boot);
  memcpy(at + 38, name, sizeof name - 1);
  *ok = true;
  return (uint16_t)(38 + sizeof name - 1);
}

/* u32 run, u32 offset, data. The next bytes are taken; those already in place may come again, and nothing is done. */
static uint16_t write_input(const uint8_t *payload, uint16_t length, frame_buffer *reply, bool *ok) {
  if (length <= 8 || length > 8 + DATA_MAX)
    return refuse(reply, REFUSED_PAYLOAD, length);
  uint32_t run = frame_u32(payload);
  uint32_t offset = frame_u32(payload + 4);
  uint32_t count = (uint32_t)length - 8;
  uint32_t size = inference_input_size();
  if (offset > size || count > size - offset)
    return refuse(reply, REFUSED_RANGE, size);
  uint32_t written = inference_is(run) ? inference_written() : 0;
  if (offset > written || (offset < written && offset + count > written))
    return refuse(reply, REFUSED_RANGE, written);
  if (!inference_is(run))
    inference_begin(run);
  if (offset == written) {
    int status = inference_write(payload + 8, count);
    if (status != DQA_OK)
      return refuse(reply, REFUSED_RUN, (uint32_t)status);
  }
  frame_put_u32(frame_payload(reply), inference_written());
  *ok = true;
  return 4;
}

/* u32 run, u32 CRC of the program and the input that are meant. A run that came to its end is not done again. */
static uint16_t run(const uint8_t *payload, uint16_t length, frame_buffer *reply, bool *ok) {
  if (length != 8)
    return refuse(reply, REFUSED_PAYLOAD, length);
  uint32_t written = inference_is(frame_u32(payload)) ? inference_written() : 0;
  if (written == 0 || written != inference_input_size())
    return refuse(reply, REFUSED_NO_INPUT, written);
  if (frame_u32(payload + 4) != inference_input_crc())
    return refuse(reply, REFUSED_INPUT, inference_input_crc());
  if (!inference_done()) {
    /* so that a host tells a long inference from a lost request */
    frame_close(reply, REPLY_STARTED, last_sequence, 0);
    uart_write(reply->bytes, reply->held);
    int status = inference_run();
    if (status != DQA_OK)
      return refuse(reply, REFUSED_RUN, (uint32_t)status);
  }
  uint64_t ticks = inference_ticks();
  uint8_t *at = frame_payload(reply);
  frame_put_u32(at, (uint32_t)ticks);
  frame_put_u32(at + 4, (uint32_t)(ticks >> 32));
  frame_put_u32(at + 8, inference_dropped_rows());
  frame_put_u32(at + 12, inference_output_crc());
  frame_put_u32(at + 16, inference_stack());
  *ok = true;
  return 20;
}

/* u32 run, u32 offset, u16 count. */
static uint16_t read_output(const uint8_t *payload, uint16_t length, frame_buffer *reply, bool *ok) {
  if (length != 10)
    return refuse(reply, REFUSED_PAYLOAD, length);
  uint32_t offset = frame_u32(payload + 4);
  uint16_t count = frame_u16(payload + 8);
  uint32_t output_size = inference_output_size();
  if (!inference_is(frame_u32(payload)) || !inference_done())
    return refuse(reply, REFUSED_NO_OUTPUT, 0);
  if (count > DATA_MAX || offset > output_size || count > output_size - offset)
    return refuse(reply, REFUSED_RANGE, output_size);
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

#ifdef DQA_PROFILE

/* u32 run, u16 first operator. */
static uint16_t profile(const uint8_t *payload, uint16_t length, frame_buffer *reply, bool *ok) {
  enum { HEAD = 2, RECORD = 16 };
  if (length != 6)
    return refuse(reply, REFUSED_PAYLOAD, length);
  if (!inference_is(frame_u32(payload)) || !inference_done())
    return refuse(reply, REFUSED_NO_OUTPUT, 0);
  uint16_t op = frame_u16(payload + 4);
  if (op >= DQA_PROFILE)
    return refuse(reply, REFUSED_RANGE, DQA_PROFILE);
  uint16_t end = HEAD;
  frame_put_u16(frame_payload(reply), DQA_PROFILE);
  for (; op < DQA_PROFILE && end + RECORD <= DATA_MAX; op++, end = (uint16_t)(end + RECORD)) {
    const profile_record *record = profile_of(op);
    uint8_t *at = frame_payload(reply) + end;
    frame_put_u32(at, (uint32_t)record->ticks);
    frame_put_u32(at + 4, (uint32_t)(record->ticks >> 32));
    frame_put_u32(at + 8, record->rows);
    frame_put_u32(at + 12, record->crc);
  }
  *ok = true;
  return end;
}

#endif

static uint16_t answer(frame_buffer *request, frame_buffer *reply, bool *ok) {
  uint8_t *payload = frame_payload(request);
  uint16_t length = frame_length(request);
  uint8_t type = frame_type(request);
  if (fault)
    return refuse(reply, fault, fault_detail);
  bool takes_payload = type != COMMAND_HELLO && type != COMMAND_STATS;
  if (type < COMMAND_HELLO || type > COMMAND_LAST)
    return refuse(reply, REFUSED_COMMAND, type);
  if (length && !takes_payload)
    return refuse(reply, REFUSED_PAYLOAD, length);
  if (type == COMMAND_HELLO)
    return hello(frame_sequence(request), reply, ok);
  if (!greeted)
    return refuse(reply, REFUSED_UNGREETED, 0);
  if (type == COMMAND_STATS)
    return stats(reply, ok);
  if (load_status != DQA_OK)
    return refuse(reply, REFUSED_MODEL, (uint32_t)load_status);
  if (type == COMMAND_WRITE_INPUT)
    return write_input(payload, length, reply, ok);
  if (type == COMMAND_RUN)
    return run(payload, length, reply, ok);
#ifdef DQA_PROFILE
  if (type == COMMAND_PROFILE)
    return profile(payload, length, reply, ok);
#endif
  return read_output(payload, length, reply, ok);
}

void commands_open(int status, uint32_t core_hz) {
  load_status = status;
  clock_hz = core_hz;
}

void commands_answer(frame_event event, frame_buffer *request, frame_buffer *reply) {
  uint32_t sequence = frame_sequence(request);
  if (event != FRAME_READY) {
    /* one complaint is enough: a damaged frame may hold many false beginnings, and who talks does not listen */
    reply->held = 0;
    if (!damaged)
      frame_close(reply, REPLY_ERROR, sequence,
                  refuse(reply, event == FRAME_TOO_LONG ? REFUSED_TOO_LONG : REFUSED_CRC, frame_length(request)));
    damaged = true;
    return;
  }
  damaged = false;
  last_sequence = sequence;
  bool ok = false;
  uint16_t length = answer(request, reply, &ok);
  frame_close(reply, ok ? (uint8_t)(frame_type(request) | REPLY) : (uint8_t)REPLY_ERROR, sequence, length);
}

void commands_fault(uint8_t status, uint32_t detail, frame_buffer *reply) {
  fault = status;
  fault_detail = detail;
  frame_close(reply, REPLY_ERROR, last_sequence, refuse(reply, status, detail));
}
